-- Processes and what is wanted of them.

-- name: beat
-- Locks the process's own row only.
INSERT INTO labeling_process
    (uid, name, kind, version, queues, wanted, n_in_flight, n_desks, facts, started_at, seen_at)
VALUES (gen_random_uuid(), %(name)s, %(kind)s, %(version)s, %(queues)s::varchar[], 'run',
        %(n_in_flight)s, %(n_desks)s, %(facts)s::jsonb, clock_timestamp(), clock_timestamp())
ON CONFLICT (name) DO UPDATE
    SET kind = excluded.kind, version = excluded.version, queues = excluded.queues,
        n_in_flight = excluded.n_in_flight, n_desks = excluded.n_desks, facts = excluded.facts,
        seen_at = excluded.seen_at,
        started_at = CASE WHEN %(is_start)s THEN excluded.started_at
                          ELSE labeling_process.started_at END,
        wanted = CASE WHEN %(is_start)s THEN 'run' ELSE labeling_process.wanted END
RETURNING wanted
