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

-- name: change_overlap
-- Gives a batch of unfinished items the project's overlap, but no item fewer places than
-- are taken (invariant 1). One whose answers suffice is done; one with more room than
-- before takes a new place, so that no annotator's frontier hides it.
-- (`batch` reads what it locked; another look at the table would read the snapshot.)
WITH batch AS MATERIALIZED (
    SELECT i.id, i.overlap, greatest(p.overlap, i.n_taken, 1) AS wanted
      FROM labeling_item i
      JOIN labeling_project p ON p.id = i.project_id
     WHERE i.project_id = %(project)s AND i.id > %(after)s
       AND i.state IN ('waiting', 'ready', 'blocked')
     ORDER BY i.id
     LIMIT %(limit)s
       FOR NO KEY UPDATE OF i
), changed AS (
    UPDATE labeling_item i
       SET overlap = batch.wanted,
           place = CASE WHEN i.state = 'ready' AND batch.wanted > batch.overlap
                        THEN nextval('labeling_place') ELSE i.place END,
           state = CASE WHEN i.state = 'ready' AND i.n_answered >= batch.wanted
                        THEN 'done' ELSE i.state END,
           done_at = CASE WHEN i.state = 'ready' AND i.n_answered >= batch.wanted
                          THEN now() ELSE i.done_at END
      FROM batch
     WHERE i.id = batch.id AND i.overlap <> batch.wanted
    RETURNING i.state, batch.wanted - batch.overlap AS n_more
)
SELECT (SELECT count(*) FROM batch), (SELECT max(id) FROM batch),
       (SELECT coalesce(sum(n_more), 0)::bigint FROM changed WHERE state = 'ready' AND n_more > 0),
       (SELECT count(*) FROM changed WHERE state = 'done')
