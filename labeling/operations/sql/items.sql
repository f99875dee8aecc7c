-- Writes about items that are no part of the desk's hot path.

-- name: count_judgments
-- Counts responses that came with a file; the caller has locked the enrolments.
WITH given AS (
    SELECT * FROM unnest(%(enrolments)s::bigint[], %(counts)s::int[]) AS g(enrolment_id, n)
), people AS (
    UPDATE labeling_enrolment e
       SET n_answered = e.n_answered + given.n, n_counted = e.n_counted + given.n
      FROM given WHERE e.id = given.enrolment_id
)
INSERT INTO labeling_daycount AS d (enrolment_id, on_date, n_counted, n_answered)
SELECT enrolment_id, %(on_date)s, n, n FROM given
    ON CONFLICT (enrolment_id, on_date) DO UPDATE
   SET n_counted = d.n_counted + excluded.n_counted, n_answered = d.n_answered + excluded.n_answered

-- name: raise_overlap
-- One more slot for a locked item. A finished or disputed one opens again; wherever the new
-- slot is the only open one the item gets a new place, so that no frontier hides it.
UPDATE labeling_item
   SET overlap = overlap + 1,
       state = CASE WHEN state IN ('done', 'dispute') THEN 'ready' ELSE state END,
       place = CASE WHEN state IN ('done', 'dispute', 'ready') AND n_taken >= overlap
                         OR place IS NULL AND state <> 'waiting'
                    THEN nextval('labeling_place') ELSE place END,
       done_at = NULL, consensus_at = NULL
 WHERE id = %(item)s
RETURNING overlap, state
