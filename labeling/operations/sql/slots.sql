-- Slots open here for the first time; those that open again are desk.sql's.

-- name: open_ready_items
-- Waiting items with enough candidates and no request under way become ready. Places are
-- drawn in the order of the ids, so an import is handed out in the order of its file.
WITH lacking_nothing AS MATERIALIZED (
    SELECT i.id
      FROM labeling_item i
      JOIN labeling_project p ON p.id = i.project_id
     WHERE i.project_id = %(project)s
       AND i.state = 'waiting'
       AND p.state IN ('active', 'paused')
       AND (%(items)s::bigint[] IS NULL OR i.id = ANY(%(items)s::bigint[]))
       AND NOT EXISTS (
           SELECT 1 FROM labeling_generationrequest r
            WHERE r.item_id = i.id AND r.state IN ('pending', 'leased'))
       AND (p.candidates_needed = 0
            OR (SELECT count(*) FROM labeling_candidate c WHERE c.item_id = i.id)
               >= p.candidates_needed)
     ORDER BY i.id
       FOR NO KEY UPDATE OF i
), placed AS MATERIALIZED (
    SELECT id, nextval('labeling_place') AS place FROM lacking_nothing
), opened AS (
    UPDATE labeling_item i
       SET state = 'ready', place = placed.place, ready_at = now()
      FROM placed
     WHERE i.id = placed.id
    RETURNING i.overlap - i.n_taken AS n_open
)
SELECT (SELECT count(*) FROM opened), (SELECT coalesce(sum(n_open), 0)::bigint FROM opened),
       (SELECT state FROM labeling_project WHERE id = %(project)s)
