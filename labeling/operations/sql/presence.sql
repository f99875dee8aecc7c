-- Presence: desks as rows, who waits for work, and the leases of people who are there.
-- A desk whose seen_at is older than 20 s belongs to a web process that died.

-- name: open_desk
INSERT INTO labeling_desk
       (uid, created_at, enrolment_id, channel, process, wanted, connected_at, seen_at)
VALUES (%(uid)s::uuid, now(), %(enrolment)s, %(uid)s, %(process)s, %(want)s, now(), now())

-- name: set_desk
-- What a desk wants, and whether it waits. It keeps its place in the line while it waits.
UPDATE labeling_desk
   SET wanted = %(want)s, seen_at = now(), acted_at = now(),
       waiting_since = CASE WHEN %(waits)s THEN coalesce(waiting_since, now()) END
 WHERE uid = %(uid)s::uuid

-- name: close_desk
-- On a clean close the leases end after a short grace (a reload comes back within it),
-- unless the same annotator has another desk open.
WITH closed AS (
    UPDATE labeling_desk SET closed_at = now(), waiting_since = NULL
     WHERE uid = %(uid)s::uuid AND closed_at IS NULL
    RETURNING id, enrolment_id
)
UPDATE labeling_assignment a
   SET expires_at = least(a.expires_at, now() + %(grace_s)s * interval '1 second')
  FROM closed
 WHERE %(is_clean)s AND a.enrolment_id = closed.enrolment_id AND a.state = 'held'
   AND NOT EXISTS (
       SELECT 1 FROM labeling_desk d
        WHERE d.enrolment_id = closed.enrolment_id AND d.id <> closed.id
          AND d.closed_at IS NULL AND d.seen_at > now() - interval '20 seconds')

-- name: beat
-- One statement for all desks of a web process: they are seen, and it learns what changed
-- for them in case a doorbell was lost.
UPDATE labeling_desk d SET seen_at = now()
  FROM labeling_enrolment e
  JOIN labeling_project p ON p.id = e.project_id
  JOIN labeling_annotator n ON n.id = e.annotator_id
  LEFT JOIN labeling_user u ON u.id = n.user_id
 WHERE d.uid = ANY(%(uids)s::uuid[]) AND e.id = d.enrolment_id
RETURNING d.uid, e.state AS enrolment_state, p.state AS project_state, p.questions_id,
          coalesce(u.is_active AND EXISTS (
              SELECT 1 FROM labeling_membership m
               WHERE m.user_id = u.id AND m.workspace_id = p.workspace_id), false) AS may_stay

-- name: renew
-- The leases of people at a desk hold on for hold_s after their last act; what they have not
-- opened, half as long. Only leases that have run half-way are written.
UPDATE labeling_assignment a
   SET expires_at = now() + p.lease_s * interval '1 second'
  FROM labeling_project p
 WHERE p.id = a.project_id AND a.enrolment_id = ANY(%(enrolments)s) AND a.state = 'held'
   AND a.expires_at < now() + p.lease_s * interval '0.5 seconds'
   AND a.acted_at > now() - p.hold_s * interval '1 second'
                            * (CASE WHEN a.opened_at IS NULL THEN 0.5 ELSE 1 END)

-- name: live
-- The tasks that are live at these desks. Served by assignment_live.
SELECT uid FROM labeling_assignment
 WHERE enrolment_id = ANY(%(enrolments)s) AND state IN ('held', 'parked')

-- name: gone
-- Why tasks that a desk shows are not live any more.
SELECT a.uid, a.state, i.state AS item_state, p.state AS project_state
  FROM labeling_assignment a
  JOIN labeling_item i ON i.id = a.item_id
  JOIN labeling_project p ON p.id = a.project_id
 WHERE a.uid = ANY(%(tasks)s::uuid[]) AND a.state NOT IN ('held', 'parked')

-- name: wake
-- Picks the desks that have waited longest, as many as there is work, and takes them out of
-- the line, so that two events at once wake different people.
UPDATE labeling_desk d SET waiting_since = NULL
 WHERE d.id IN (
     SELECT w.id FROM labeling_desk w
       JOIN labeling_enrolment e ON e.id = w.enrolment_id
      WHERE e.project_id = %(project)s AND w.waiting_since IS NOT NULL
        AND w.closed_at IS NULL AND w.seen_at > now() - interval '20 seconds'
      ORDER BY w.waiting_since, w.id
      LIMIT %(n)s
        FOR UPDATE OF w SKIP LOCKED)
RETURNING d.uid

-- name: forget_desks
-- Closes the desks of web processes that died, and drops what closed long ago.
WITH dead AS (
    UPDATE labeling_desk SET closed_at = seen_at, waiting_since = NULL
     WHERE closed_at IS NULL AND seen_at < now() - interval '60 seconds'
    RETURNING id
)
DELETE FROM labeling_desk WHERE closed_at < now() - interval '7 days'
