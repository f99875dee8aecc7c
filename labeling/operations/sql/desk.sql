-- The desk's hot path: claim, submit, return, renew. Run by operations/drivers.py.
-- Lock order everywhere: enrolment, then assignment, then item. Items are locked one
-- at a time, or in the order of their ids, or with SKIP LOCKED: so nothing deadlocks.
-- Clock: the database's now() only.

-- name: enter
-- Locks the enrolment: the one lock of an annotator in a project. Everything else follows it.
SELECT e.id AS enrolment_id, e.project_id, e.annotator_id, e.state, e.n_held, e.n_parked,
       e.n_counted, e.quota_total, e.quota_day,
       e.guidelines_major, p.state AS project_state, p.template, p.lease_s, p.max_parked,
       p.amend_s, p.questions_id, p.guidelines_id, p.reasoning_display, p.metadata_shown,
       p.order_strategy, coalesce(g.major, 0) AS guidelines_needed,
       (now() AT TIME ZONE e.time_zone)::date AS today, now() AS at
  FROM labeling_enrolment e
  JOIN labeling_project p ON p.id = e.project_id
  LEFT JOIN labeling_guidelinesversion g ON g.id = p.guidelines_id
 WHERE e.id = %(enrolment)s
   FOR NO KEY UPDATE OF e

-- name: claim
-- Claims up to `want - n_held` open slots, within the quotas. One statement, one pass over
-- item_open_places from the annotator's frontier. `head` is the first item that this annotator
-- may still take, locked by somebody or not: nothing before it will ever be claimable under
-- its present place, so the frontier moves up to it.
WITH room AS MATERIALIZED (
    SELECT e.id, e.project_id, e.annotator_id, p.lease_s, p.order_strategy, e.quota_day,
           CASE WHEN %(rescan)s THEN 0 ELSE e.frontier END AS frontier,
           (now() AT TIME ZONE e.time_zone)::date AS today,
           greatest(0, least(
               %(want)s - e.n_held,
               coalesce(e.quota_total - e.n_counted, %(want)s),
               coalesce(e.quota_day - coalesce(d.n_counted, 0), %(want)s)
           )) AS n
      FROM labeling_enrolment e
      JOIN labeling_project p ON p.id = e.project_id
      LEFT JOIN labeling_guidelinesversion g ON g.id = p.guidelines_id
      LEFT JOIN labeling_daycount d
             ON d.enrolment_id = e.id AND d.on_date = (now() AT TIME ZONE e.time_zone)::date
     WHERE e.id = %(enrolment)s AND e.state = 'active' AND p.state = 'active'
       AND e.guidelines_major >= coalesce(g.major, 0)
), head AS MATERIALIZED (
    SELECT i.place
      FROM room, labeling_item i
     WHERE room.n > 0 AND i.project_id = %(project)s AND i.is_open
       AND i.place > (SELECT frontier FROM room)
       AND i.author_id IS DISTINCT FROM %(annotator)s
       AND NOT EXISTS (
           SELECT 1 FROM labeling_assignment a
            WHERE a.item_id = i.id AND a.annotator_id = %(annotator)s
              AND a.state IN ('held', 'parked', 'answered', 'skipped', 'surplus')
           OFFSET 0)
     ORDER BY i.place, i.id
     LIMIT 1
), picked AS MATERIALIZED (
    SELECT i.id, i.is_gold, i.rendered, i.context, i.metadata
      FROM labeling_item i
     WHERE i.project_id = %(project)s AND i.is_open
       AND i.place >= (SELECT place FROM head)
       AND i.author_id IS DISTINCT FROM %(annotator)s
       AND NOT EXISTS (
           SELECT 1 FROM labeling_assignment a
            WHERE a.item_id = i.id AND a.annotator_id = %(annotator)s
              AND a.state IN ('held', 'parked', 'answered', 'skipped', 'surplus')
           OFFSET 0)
     ORDER BY i.place, i.id
     LIMIT (SELECT n FROM room)
       FOR NO KEY UPDATE SKIP LOCKED
), numbered AS (
    SELECT picked.*, row_number() OVER () AS k,
           (random() * 9007199254740991)::bigint AS seed
      FROM picked
), taken AS (
    UPDATE labeling_item i SET n_taken = i.n_taken + 1
      FROM picked WHERE i.id = picked.id
    RETURNING i.id
), placed AS (
    INSERT INTO labeling_assignment AS a
           (uid, created_at, project_id, item_id, annotator_id, enrolment_id, state, lease,
            expires_at, claimed_at, acted_at, counted_on, order_seed, shown, questions_id,
            guidelines_id, chosen_by, is_gold)
    SELECT (%(uids)s::uuid[])[k], now(), room.project_id, numbered.id, room.annotator_id,
           room.id, 'held', gen_random_uuid(), now() + room.lease_s * interval '1 second',
           now(), now(), room.today, numbered.seed,
           ARRAY(SELECT c.id FROM labeling_candidate c WHERE c.item_id = numbered.id
                  ORDER BY md5(numbered.seed || ':' || c.id)),
           %(questions)s, %(guidelines)s, room.order_strategy, numbered.is_gold
      FROM numbered, room
        ON CONFLICT (item_id, annotator_id, repeat) DO UPDATE
       SET state = 'held', lease = excluded.lease, expires_at = excluded.expires_at,
           n_leases = a.n_leases + 1, claimed_at = now(), acted_at = now(), opened_at = NULL,
           closed_at = NULL, counted_on = excluded.counted_on,
           questions_id = excluded.questions_id, guidelines_id = excluded.guidelines_id
    RETURNING a.id, a.uid, a.item_id, a.lease, a.expires_at, a.shown, a.questions_id
), counted AS (
    UPDATE labeling_enrolment e
       SET n_held = e.n_held + t.n, n_counted = e.n_counted + t.n,
           frontier = coalesce((SELECT place - 1 FROM head), e.frontier)
      FROM (SELECT count(*) AS n FROM placed) t
     WHERE e.id = %(enrolment)s AND (t.n > 0 OR EXISTS (SELECT 1 FROM head))
), day AS (
    INSERT INTO labeling_daycount AS d (enrolment_id, on_date, n_counted, cap)
    SELECT room.id, room.today, t.n, room.quota_day
      FROM room, (SELECT count(*) AS n FROM placed) t
     WHERE t.n > 0
        ON CONFLICT (enrolment_id, on_date) DO UPDATE SET n_counted = d.n_counted + excluded.n_counted
)
SELECT placed.uid, placed.lease, placed.expires_at, placed.questions_id,
       picked.rendered::text AS rendered, picked.context, picked.metadata::text AS metadata,
       ARRAY(SELECT c.rendered::text FROM unnest(placed.shown) WITH ORDINALITY u(id, n)
               JOIN labeling_candidate c ON c.id = u.id ORDER BY u.n) AS candidates,
       (SELECT dr.values::text FROM labeling_draft dr WHERE dr.assignment_id = placed.id) AS draft,
       false AS parked
  FROM placed JOIN picked ON picked.id = placed.item_id
 ORDER BY placed.id

-- name: has_head
-- Whether a slot is open that this annotator may take (locked by somebody just now, or
-- below the frontier): "nothing claimed" is only "no work" when this is false.
SELECT EXISTS (
    SELECT 1 FROM labeling_item i
     WHERE i.project_id = %(project)s AND i.is_open
       AND i.author_id IS DISTINCT FROM %(annotator)s
       AND NOT EXISTS (
           SELECT 1 FROM labeling_assignment a
            WHERE a.item_id = i.id AND a.annotator_id = %(annotator)s
              AND a.state IN ('held', 'parked', 'answered', 'skipped', 'surplus')
           OFFSET 0)
) AS found

-- name: progress
SELECT e.state, e.n_held, e.n_parked, e.n_answered, e.n_counted, e.quota_total, e.quota_day,
       e.guidelines_major, p.state AS project_state,
       coalesce(g.major, 0) AS guidelines_needed,
       coalesce(d.n_counted, 0) AS day_counted, coalesce(d.n_answered, 0) AS day_answered
  FROM labeling_enrolment e
  JOIN labeling_project p ON p.id = e.project_id
  LEFT JOIN labeling_guidelinesversion g ON g.id = p.guidelines_id
  LEFT JOIN labeling_daycount d
         ON d.enrolment_id = e.id AND d.on_date = (now() AT TIME ZONE e.time_zone)::date
 WHERE e.id = %(enrolment)s

-- name: task
-- Locks one assignment of the enrolment; reads its item without locking it.
SELECT a.id, a.uid, a.item_id, a.enrolment_id, a.state, a.lease, a.expires_at, a.questions_id, a.guidelines_id,
       a.counted_on, cardinality(a.shown) AS n_shown, i.n_open_turns, i.state AS item_state,
       i.n_taken, i.overlap, i.done_at, r.id AS response_id,
       (SELECT max(x.revision) FROM labeling_response x WHERE x.assignment_id = a.id) AS revision,
       a.closed_at,
       coalesce((SELECT d.n_counted FROM labeling_daycount d
                  WHERE d.enrolment_id = a.enrolment_id AND d.on_date = a.counted_on), 0)
           AS day_counted
  FROM labeling_assignment a
  JOIN labeling_item i ON i.id = a.item_id
  LEFT JOIN labeling_response r ON r.assignment_id = a.id AND r.lease = %(lease)s::uuid
 WHERE a.uid = %(task)s::uuid AND a.enrolment_id = %(enrolment)s
   FOR NO KEY UPDATE OF a

-- name: texts
-- The texts that spans point into: messages and the candidates in the order shown.
SELECT i.messages::text AS messages,
       ARRAY(SELECT c.turns::text FROM unnest(a.shown) WITH ORDINALITY u(id, n)
               JOIN labeling_candidate c ON c.id = u.id ORDER BY u.n) AS candidates
  FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
 WHERE a.id = %(assignment)s

-- name: questions
SELECT q.id, q.questions::text AS questions FROM labeling_questionset q WHERE q.id = %(questions)s

-- name: held
-- What the annotator holds, oldest first; renews nothing. Served by assignment_live.
SELECT a.uid, a.lease, a.expires_at, a.questions_id, i.rendered::text AS rendered, i.context,
       i.metadata::text AS metadata,
       ARRAY(SELECT c.rendered::text FROM unnest(a.shown) WITH ORDINALITY u(id, n)
               JOIN labeling_candidate c ON c.id = u.id ORDER BY u.n) AS candidates,
       (SELECT d.values::text FROM labeling_draft d WHERE d.assignment_id = a.id) AS draft,
       a.state = 'parked' AS parked
  FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
 WHERE a.enrolment_id = %(enrolment)s AND a.state IN ('held', 'parked')
 ORDER BY a.claimed_at, a.id

-- name: one
-- One task as `held` shows it, whatever its state.
SELECT a.uid, a.lease, a.expires_at, a.questions_id, i.rendered::text AS rendered, i.context,
       i.metadata::text AS metadata,
       ARRAY(SELECT c.rendered::text FROM unnest(a.shown) WITH ORDINALITY u(id, n)
               JOIN labeling_candidate c ON c.id = u.id ORDER BY u.n) AS candidates,
       coalesce((SELECT d.values::text FROM labeling_draft d WHERE d.assignment_id = a.id),
                (SELECT r.values::text FROM labeling_response r
                  WHERE r.assignment_id = a.id AND r.is_current)) AS draft,
       a.state = 'parked' AS parked
  FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
 WHERE a.id = %(assignment)s

-- name: store_response
-- Stores a first response: closes the slot, moves the counts, finishes the item when its
-- last slot is answered. `retaken` is 1 where a lost lease takes its slot again;
-- `from_held`/`from_parked` say where the assignment was.
WITH answered AS (
    UPDATE labeling_assignment
       SET state = 'answered', closed_at = now(), acted_at = now(),
           opened_at = coalesce(opened_at, claimed_at), spent_ms = %(spent_ms)s,
           counted_on = %(counted_on)s
     WHERE id = %(assignment)s
), stored AS (
    INSERT INTO labeling_response
           (uid, created_at, project_id, item_id, annotator_id, assignment_id, lease, values,
            questions_id, guidelines_id, spent_ms, source, submitted_at)
    VALUES (%(uid)s::uuid, now(), %(project)s, %(item)s, %(annotator)s, %(assignment)s,
            %(lease)s::uuid, %(values)s::jsonb, %(questions)s, %(guidelines)s, %(spent_ms)s,
            %(source)s, now())
), item AS (
    UPDATE labeling_item i
       SET n_answered = i.n_answered + 1, n_taken = i.n_taken + %(retaken)s,
           state = CASE WHEN i.n_answered + 1 >= i.overlap AND i.state = 'ready'
                        THEN 'done' ELSE i.state END,
           done_at = CASE WHEN i.n_answered + 1 >= i.overlap AND i.state = 'ready'
                          THEN now() ELSE i.done_at END
     WHERE i.id = %(item)s
    RETURNING i.state
), counted AS (
    UPDATE labeling_enrolment
       SET n_held = n_held - %(from_held)s, n_parked = n_parked - %(from_parked)s,
           n_answered = n_answered + 1, n_counted = n_counted + %(retaken)s
     WHERE id = %(enrolment)s
), day AS (
    INSERT INTO labeling_daycount AS d (enrolment_id, on_date, n_counted, n_answered, cap)
    VALUES (%(enrolment)s, %(counted_on)s, %(retaken)s, 1,
            (SELECT quota_day FROM labeling_enrolment WHERE id = %(enrolment)s))
        ON CONFLICT (enrolment_id, on_date) DO UPDATE
       SET n_counted = d.n_counted + %(retaken)s, n_answered = d.n_answered + 1
), cleaned AS (
    DELETE FROM labeling_draft WHERE assignment_id = %(assignment)s
)
SELECT state FROM item

-- name: retire_current
-- The newest response counts: the one before it stays as a revision. A statement of its own,
-- before store_revision, as the constraint on current responses is checked at once.
UPDATE labeling_response SET is_current = false
 WHERE assignment_id = %(assignment)s AND is_current

-- name: store_revision
-- Stores a later revision of an answered assignment (amend); consensus is added up again.
WITH touched AS (
    UPDATE labeling_assignment SET acted_at = now(), spent_ms = spent_ms + %(spent_ms)s
     WHERE id = %(assignment)s
), stored AS (
    INSERT INTO labeling_response
           (uid, created_at, project_id, item_id, annotator_id, assignment_id, lease, revision,
            values, questions_id, guidelines_id, spent_ms, source, submitted_at)
    VALUES (%(uid)s::uuid, now(), %(project)s, %(item)s, %(annotator)s, %(assignment)s,
            %(lease)s::uuid, %(revision)s, %(values)s::jsonb, %(questions)s, %(guidelines)s,
            %(spent_ms)s, %(source)s, now())
), item AS (
    UPDATE labeling_item SET consensus_at = NULL WHERE id = %(item)s
), cleaned AS (
    DELETE FROM labeling_draft WHERE assignment_id = %(assignment)s
)
SELECT 1

-- name: store_surplus
-- Keeps a late response outside overlap, quota and consensus.
WITH closed AS (
    UPDATE labeling_assignment
       SET state = 'surplus', closed_at = now(), acted_at = now(), spent_ms = %(spent_ms)s
     WHERE id = %(assignment)s
), stored AS (
    INSERT INTO labeling_response
           (uid, created_at, project_id, item_id, annotator_id, assignment_id, lease, revision,
            is_surplus, values, questions_id, guidelines_id, spent_ms, source, submitted_at)
    VALUES (%(uid)s::uuid, now(), %(project)s, %(item)s, %(annotator)s, %(assignment)s,
            %(lease)s::uuid, %(revision)s, true, %(values)s::jsonb, %(questions)s,
            %(guidelines)s, %(spent_ms)s, %(source)s, now())
), cleaned AS (
    DELETE FROM labeling_draft WHERE assignment_id = %(assignment)s
)
SELECT 1

-- name: save_draft
INSERT INTO labeling_draft (assignment_id, values, saved_at)
VALUES (%(assignment)s, %(values)s::jsonb, now())
    ON CONFLICT (assignment_id) DO UPDATE SET values = excluded.values, saved_at = now()

-- name: touch
-- The person acted on a task: renews its lease, and those of tasks not yet opened while the
-- project's hold time since their claim lasts. Active time counts at most 30 s per act.
UPDATE labeling_assignment a
   SET expires_at = now() + %(lease_s)s * interval '1 second',
       opened_at = CASE WHEN a.id = %(assignment)s THEN coalesce(a.opened_at, now())
                        ELSE a.opened_at END,
       active_ms = CASE WHEN a.id = %(assignment)s
                        THEN a.active_ms + least(30000,
                             extract(epoch FROM now() - a.acted_at) * 1000)::bigint
                        ELSE a.active_ms END,
       acted_at = CASE WHEN a.id = %(assignment)s THEN now() ELSE a.acted_at END
  FROM labeling_project p
 WHERE p.id = a.project_id AND a.enrolment_id = %(enrolment)s AND a.state = 'held'
   AND (a.id = %(assignment)s
        OR a.opened_at IS NULL AND a.claimed_at > now() - p.hold_s * interval '1 second')

-- name: resume
-- A desk said hello: the leases of what its annotator holds start anew, with the same tokens.
UPDATE labeling_assignment a
   SET expires_at = now() + p.lease_s * interval '1 second'
  FROM labeling_project p
 WHERE p.id = a.project_id AND a.enrolment_id = %(enrolment)s AND a.state = 'held'

-- name: park
WITH parked AS (
    UPDATE labeling_assignment
       SET state = 'parked', acted_at = now(), expires_at = now() + interval '20 hours'
     WHERE id = %(assignment)s
)
UPDATE labeling_enrolment SET n_held = n_held - 1, n_parked = n_parked + 1
 WHERE id = %(enrolment)s

-- name: amend
-- Reopens an answered assignment under a new lease; its slot stays answered.
UPDATE labeling_assignment
   SET lease = gen_random_uuid(), n_leases = n_leases + 1, acted_at = now(),
       expires_at = now() + %(lease_s)s * interval '1 second'
 WHERE id = %(assignment)s

-- name: flag
INSERT INTO labeling_flag (uid, created_at, assignment_id, reason, note, state, answer)
VALUES (%(uid)s::uuid, now(), %(assignment)s, %(reason)s, %(note)s, 'open', '')

-- name: acknowledge
UPDATE labeling_enrolment SET guidelines_major = greatest(guidelines_major, %(major)s)
 WHERE id = %(enrolment)s

-- name: closing
-- The live assignments that are to be closed and whose they are; locks nothing.
-- Each condition that is null is not asked for.
SELECT a.id, a.enrolment_id
  FROM labeling_assignment a
 WHERE a.state IN ('held', 'parked')
   AND (%(enrolment)s::bigint IS NULL OR a.enrolment_id = %(enrolment)s)
   AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s)
   AND (%(item)s::bigint IS NULL OR a.item_id = %(item)s)
   AND (%(annotator)s::bigint IS NULL OR a.annotator_id = %(annotator)s)
 ORDER BY a.id
 LIMIT %(limit)s

-- name: expired
-- Leases that ran out. Served by assignment_expiry.
SELECT a.id, a.enrolment_id
  FROM labeling_assignment a
 WHERE a.state = 'held' AND a.expires_at < now()
 ORDER BY a.expires_at, a.id
 LIMIT %(limit)s

-- name: expired_parked
SELECT a.id, a.enrolment_id
  FROM labeling_assignment a
 WHERE a.state = 'parked' AND a.expires_at < now()
 ORDER BY a.id
 LIMIT %(limit)s

-- name: lock_enrolments
-- With SKIP LOCKED: a sweep leaves out who is acting just now.
SELECT id FROM labeling_enrolment WHERE id = ANY(%(enrolments)s) ORDER BY id
   FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_enrolments_waiting
SELECT id FROM labeling_enrolment WHERE id = ANY(%(enrolments)s) ORDER BY id
   FOR NO KEY UPDATE

-- name: lock_items
SELECT i.id FROM labeling_item i
 WHERE i.id IN (SELECT item_id FROM labeling_assignment WHERE id = ANY(%(assignments)s))
 ORDER BY i.id FOR NO KEY UPDATE

-- name: close
-- Closes live assignments (of locked enrolments and items) without an answer and opens their
-- slots again, at a new place in the order. `skipped` is 1 for a skip: after skip_limit of
-- them the item leaves the queue for the manager.
WITH before AS MATERIALIZED (
    SELECT a.id, a.state FROM labeling_assignment a
     WHERE a.id = ANY(%(assignments)s) AND a.enrolment_id = ANY(%(enrolments)s)
       AND a.state IN ('held', 'parked')
       AND (NOT %(only_expired)s OR a.expires_at < now())
       FOR NO KEY UPDATE
), closed AS (
    UPDATE labeling_assignment a
       SET state = %(state)s, closed_at = now(), skip_reason = %(skip_reason)s,
           skip_note = %(skip_note)s
      FROM before WHERE a.id = before.id
    RETURNING a.id, a.uid, a.item_id, a.enrolment_id, a.project_id, a.counted_on,
              before.state = 'parked' AS was_parked
), items AS (
    UPDATE labeling_item i
       SET n_taken = i.n_taken - c.n, n_skipped = i.n_skipped + %(skipped)s * c.n,
           place = nextval('labeling_place'),
           state = CASE WHEN %(skipped)s = 1 AND i.state = 'ready'
                             AND i.n_skipped + c.n >= p.skip_limit
                        THEN 'blocked' ELSE i.state END
      FROM (SELECT item_id, project_id, count(*)::int AS n FROM closed GROUP BY 1, 2) c
      JOIN labeling_project p ON p.id = c.project_id
     WHERE i.id = c.item_id
    RETURNING i.id, i.project_id, i.state
), people AS (
    UPDATE labeling_enrolment e
       SET n_held = e.n_held - c.n_held, n_parked = e.n_parked - c.n_parked,
           n_counted = e.n_counted - c.n, n_skipped = e.n_skipped + %(skipped)s * c.n
      FROM (SELECT enrolment_id, count(*) AS n, count(*) FILTER (WHERE was_parked) AS n_parked,
                   count(*) FILTER (WHERE NOT was_parked) AS n_held
              FROM closed GROUP BY 1) c
     WHERE e.id = c.enrolment_id
), days AS (
    UPDATE labeling_daycount d SET n_counted = d.n_counted - c.n
      FROM (SELECT enrolment_id, counted_on, count(*) AS n FROM closed GROUP BY 1, 2) c
     WHERE d.enrolment_id = c.enrolment_id AND d.on_date = c.counted_on
)
SELECT closed.uid, closed.enrolment_id, closed.project_id, items.state AS item_state
  FROM closed JOIN items ON items.id = closed.item_id
