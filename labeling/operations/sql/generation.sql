-- The queue of generation requests: requested, claimed, given back, paid for.
-- Lock order: item, then request, then usage. Claims and sweeps lock requests only, with
-- SKIP LOCKED. Clock: the database's only.

-- name: request
-- Make the generation requests that waiting items lack: item × slate entry × sample.
-- A batch's slate goes before the project's. Items that bring enough ready-made
-- candidates are not topped up. A cancelled request is wanted again; any other
-- that exists is left alone. The uid is a UUIDv7 (PostgreSQL 15 has no uuidv7()).
INSERT INTO labeling_generationrequest
    (uid, project_id, item_id, slate_id, policy_id, endpoint_id, sample, priority)
SELECT encode(
           set_bit(set_bit(
               overlay(uuid_send(gen_random_uuid())
                       PLACING substring(int8send(
                           (extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                       FROM 1 FOR 6),
               52, 1), 53, 1),
           'hex')::uuid,
       item.project_id, item.id, entry.slate_id, policy.id, policy.endpoint_id, sample.number,
       item.priority
FROM labeling_item item
JOIN labeling_project project ON project.id = item.project_id
LEFT JOIN labeling_batch batch ON batch.id = item.batch_id
JOIN labeling_slateentry entry ON entry.slate_id = coalesce(batch.slate_id, project.slate_id)
JOIN generation_policy policy ON policy.id = entry.policy_id
CROSS JOIN LATERAL generate_series(0, entry.n_samples - 1) AS sample(number)
WHERE item.id = ANY(%(item_ids)s)
  AND item.state = 'waiting'
  AND (
      SELECT count(*) FROM labeling_candidate ready_made
      WHERE ready_made.item_id = item.id AND ready_made.policy_id IS NULL
  ) < greatest(project.candidates_needed, 1)
  AND NOT EXISTS (
      SELECT 1 FROM labeling_generationrequest there
      WHERE there.item_id = item.id AND there.policy_id = policy.id
        AND there.sample = sample.number AND there.state <> 'cancelled'
  )
ORDER BY item.id, entry.position, entry.id, sample.number
ON CONFLICT (item_id, policy_id, sample) DO UPDATE
    SET state = 'pending', slate_id = excluded.slate_id, endpoint_id = excluded.endpoint_id,
        next_attempt_at = NULL, finished_at = NULL
    WHERE labeling_generationrequest.state = 'cancelled'
RETURNING endpoint_id

-- name: claim
-- Lease up to n due requests of an endpoint to a worker. The caller holds the
-- endpoint's advisory lock, so that `max_in_flight` holds over all workers: what is
-- leased is what is in flight.
-- Fair between projects: whoever has least in flight is served first (water filling).
-- Each project's head is read off its own stretch of generation_request_heads, so a
-- million pending requests of one project cost another nothing.
WITH target AS (
    SELECT id, max_in_flight FROM generation_endpoint
    WHERE id = %(endpoint_id)s AND state = 'active'
), leased AS (
    SELECT project_id, count(*) AS n FROM labeling_generationrequest
    WHERE state = 'leased' AND endpoint_id = %(endpoint_id)s
    GROUP BY project_id
), room AS (
    SELECT least(
        %(n)s, target.max_in_flight - (SELECT coalesce(sum(n), 0) FROM leased)
    )::integer AS n
    FROM target
), heads AS (
    SELECT head.id, coalesce(leased.n, 0) + head.rank AS turn
    FROM room
    CROSS JOIN labeling_project project
    LEFT JOIN leased ON leased.project_id = project.id
    CROSS JOIN LATERAL (
        SELECT due.id, row_number() OVER (ORDER BY due.priority DESC, due.id) AS rank
        FROM (
            SELECT request.id, request.priority
            FROM labeling_generationrequest request
            JOIN generation_policy policy ON policy.id = request.policy_id
            WHERE request.endpoint_id = %(endpoint_id)s
              AND request.project_id = project.id
              AND request.state = 'pending'
              AND (request.next_attempt_at IS NULL
                   OR request.next_attempt_at <= clock_timestamp())
              AND policy.state = 'active'
            ORDER BY request.priority DESC, request.id
            LIMIT %(n)s
        ) due
    ) head
    WHERE project.state = 'active' AND room.n > 0
    ORDER BY turn, random()
    LIMIT greatest((SELECT n FROM room), 0)
), chosen AS (
    SELECT request.id
    FROM labeling_generationrequest request
    JOIN heads ON heads.id = request.id
    WHERE request.state = 'pending'
    FOR NO KEY UPDATE OF request SKIP LOCKED
)
UPDATE labeling_generationrequest request
SET state = 'leased', lease = gen_random_uuid(), worker = %(worker)s,
    leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM chosen
WHERE request.id = chosen.id
RETURNING request.id

-- name: sweep
-- Give back the requests whose worker fell silent, and write down that it did.
-- SKIP LOCKED: two sweeps at once share the work, and a worker that is just storing
-- its answer wins. Who loses its worker again and again (a prompt that crashes it)
-- waits longer each time.
WITH lost AS (
    SELECT id FROM labeling_generationrequest
    WHERE state = 'leased' AND leased_until < clock_timestamp()
    ORDER BY leased_until, id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), held AS (
    SELECT request.id, request.worker FROM labeling_generationrequest request
    JOIN lost USING (id)
), freed AS (
    UPDATE labeling_generationrequest request
    SET state = 'pending', lease = NULL, leased_until = NULL, worker = '',
        attempts = attempts + 1, error_class = 'lease_expired',
        next_attempt_at = CASE WHEN attempts < 3 THEN NULL ELSE clock_timestamp()
            + make_interval(secs => least(300, power(2, least(attempts, 9)))) END
    FROM lost WHERE request.id = lost.id
    RETURNING request.id, request.endpoint_id
), noted AS (
    INSERT INTO labeling_generationattempt (request_id, started_at, outcome, detail, worker)
    SELECT id, clock_timestamp(), 'lease_expired', '', worker FROM held
)
SELECT endpoint_id, count(*) FROM freed GROUP BY endpoint_id

-- name: add_usage
-- Add what a call cost to the project's day. The last statement of its
-- transaction, for everybody who stores an answer of this policy meets here.
INSERT INTO labeling_usage (project_id, policy_id, on_date, n_calls, tokens_in, tokens_out)
VALUES (%(project_id)s, %(policy_id)s, (clock_timestamp() AT TIME ZONE 'UTC')::date,
        %(n_calls)s, %(tokens_in)s, %(tokens_out)s)
ON CONFLICT (project_id, policy_id, on_date) DO UPDATE
    SET n_calls = labeling_usage.n_calls + excluded.n_calls,
        tokens_in = labeling_usage.tokens_in + excluded.tokens_in,
        tokens_out = labeling_usage.tokens_out + excluded.tokens_out
