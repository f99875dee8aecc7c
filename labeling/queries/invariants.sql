-- The invariants of DESIGN.md section 6 as far as data can show them. Each statement counts
-- the rows that break one; 0 is well. %(project)s is a project's id, or null for all of them.
-- Each is one statement, so it is right on a live database too. The comment says what holds.

-- name: item_slots_add_up
-- An item's count of taken slots is its held, parked and answered assignments.
SELECT count(*) FROM labeling_item i
  LEFT JOIN (SELECT item_id, count(*) AS n FROM labeling_assignment
              WHERE state IN ('held', 'parked', 'answered') GROUP BY item_id) a ON a.item_id = i.id
 WHERE i.n_taken <> coalesce(a.n, 0) AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: item_never_over_overlap
-- An item never has more live or answered assignments than its overlap.
SELECT count(*) FROM labeling_item i
  JOIN (SELECT item_id, count(*) AS n FROM labeling_assignment
         WHERE state IN ('held', 'parked', 'answered') GROUP BY item_id) a ON a.item_id = i.id
 WHERE greatest(a.n, i.n_taken) > i.overlap
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: item_answers_add_up
-- An item's count of answers is its answered assignments.
SELECT count(*) FROM labeling_item i
  LEFT JOIN (SELECT item_id, count(*) AS n FROM labeling_assignment
              WHERE state = 'answered' GROUP BY item_id) a ON a.item_id = i.id
 WHERE i.n_answered <> coalesce(a.n, 0)
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: nobody_twice
-- An annotator has an item at most once (asked-for repeats are numbered).
SELECT count(*) FROM (
    SELECT 1 FROM labeling_assignment a
      JOIN labeling_item i ON i.id = a.item_id
     WHERE %(project)s::bigint IS NULL OR i.project_id = %(project)s
     GROUP BY a.item_id, a.annotator_id, a.repeat HAVING count(*) > 1) twice

-- name: response_stored_once
-- A submit, known by assignment and lease, is stored once.
SELECT count(*) FROM (
    SELECT 1 FROM labeling_response r
     WHERE %(project)s::bigint IS NULL OR r.project_id = %(project)s
     GROUP BY r.assignment_id, r.lease HAVING count(*) > 1) twice

-- name: answer_has_one_current_response
-- An answered assignment has exactly one current response, and it is not surplus.
SELECT count(*) FROM labeling_assignment a
  LEFT JOIN (SELECT assignment_id, count(*) AS n, count(*) FILTER (WHERE is_surplus) AS n_surplus
               FROM labeling_response WHERE is_current GROUP BY assignment_id) r
         ON r.assignment_id = a.id
 WHERE a.state = 'answered' AND (coalesce(r.n, 0) <> 1 OR r.n_surplus > 0)
   AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s)

-- name: current_response_is_answered
-- What counts was answered: a current response that is not surplus belongs to an answered
-- assignment, a surplus one to a surplus assignment.
SELECT count(*) FROM labeling_response r
  JOIN labeling_assignment a ON a.id = r.assignment_id
 WHERE r.is_current AND a.state <> CASE WHEN r.is_surplus THEN 'surplus' ELSE 'answered' END
   AND (%(project)s::bigint IS NULL OR r.project_id = %(project)s)

-- name: newest_revision_is_current
-- Of the revisions of a response the newest counts.
SELECT count(*) FROM (
    SELECT 1 FROM labeling_response r
     WHERE %(project)s::bigint IS NULL OR r.project_id = %(project)s
     GROUP BY r.assignment_id
    HAVING max(r.revision) <> coalesce(max(r.revision) FILTER (WHERE r.is_current), 0)) stale

-- name: surplus_is_kept
-- A surplus assignment has its response.
SELECT count(*) FROM labeling_assignment a
 WHERE a.state = 'surplus' AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s)
   AND NOT EXISTS (SELECT 1 FROM labeling_response r
                    WHERE r.assignment_id = a.id AND r.is_surplus)

-- name: enrolment_counts_add_up
-- What an enrolment counts as held, parked and answered are its assignments.
SELECT count(*) FROM labeling_enrolment e
  LEFT JOIN (SELECT enrolment_id, count(*) FILTER (WHERE state = 'held') AS n_held,
                    count(*) FILTER (WHERE state = 'parked') AS n_parked,
                    count(*) FILTER (WHERE state = 'answered') AS n_answered
               FROM labeling_assignment GROUP BY enrolment_id) a ON a.enrolment_id = e.id
 WHERE (e.n_held, e.n_parked, e.n_answered, e.n_counted)
       IS DISTINCT FROM (coalesce(a.n_held, 0), coalesce(a.n_parked, 0), coalesce(a.n_answered, 0),
                         coalesce(a.n_held + a.n_parked + a.n_answered, 0))
   AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s)

-- name: day_counts_add_up
-- What counts for a day of an annotator are the assignments claimed for that day.
SELECT count(*) FROM (
    SELECT enrolment_id, counted_on, count(*) AS n_counted,
           count(*) FILTER (WHERE state = 'answered') AS n_answered
      FROM labeling_assignment WHERE state IN ('held', 'parked', 'answered') GROUP BY 1, 2) a
  FULL JOIN labeling_daycount d ON d.enrolment_id = a.enrolment_id AND d.on_date = a.counted_on
  JOIN labeling_enrolment e ON e.id = coalesce(a.enrolment_id, d.enrolment_id)
 WHERE (coalesce(a.n_counted, 0), coalesce(a.n_answered, 0))
       IS DISTINCT FROM (coalesce(d.n_counted, 0), coalesce(d.n_answered, 0))
   AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s)

-- name: quota_never_exceeded
-- Nobody has more than their quota, in total or on a day, counting what is on the desk.
SELECT (SELECT count(*) FROM labeling_enrolment e
         WHERE (e.n_counted > e.cap_total OR e.quota_total IS NOT NULL AND e.cap_total IS NULL)
           AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s))
     + (SELECT count(*) FROM labeling_daycount d
          JOIN labeling_enrolment e ON e.id = d.enrolment_id
         WHERE d.n_counted > d.cap
           AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s))

-- name: candidate_unique
-- Each item, policy and sample has at most one candidate.
SELECT count(*) FROM (
    SELECT 1 FROM labeling_candidate c
      JOIN labeling_item i ON i.id = c.item_id
     WHERE %(project)s::bigint IS NULL OR i.project_id = %(project)s
     GROUP BY c.item_id, c.policy_id, c.sample HAVING count(*) > 1) twice

-- name: request_has_candidate
-- Each generation request that is done has its candidate.
SELECT count(*) FROM labeling_generationrequest r
 WHERE r.state = 'done' AND (%(project)s::bigint IS NULL OR r.project_id = %(project)s)
   AND NOT EXISTS (SELECT 1 FROM labeling_candidate c
                    WHERE c.item_id = r.item_id AND c.policy_id = r.policy_id
                      AND c.sample = r.sample)

-- name: candidate_has_request
-- Each candidate of a policy has its generation request, and that is done.
SELECT count(*) FROM labeling_candidate c
  JOIN labeling_item i ON i.id = c.item_id
 WHERE c.policy_id IS NOT NULL AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)
   AND NOT EXISTS (SELECT 1 FROM labeling_generationrequest r
                    WHERE r.item_id = c.item_id AND r.policy_id = c.policy_id
                      AND r.sample = c.sample AND r.state = 'done')

-- name: candidate_answers_every_turn
-- A candidate has one turn for each open turn of its item.
SELECT count(*) FROM labeling_candidate c
  JOIN labeling_item i ON i.id = c.item_id
 WHERE jsonb_array_length(c.turns) <> i.n_open_turns
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: ready_item_lacks_nothing
-- An item whose slots are open has a place in the order and as many candidates as its
-- project needs.
SELECT count(*) FROM labeling_item i
  JOIN labeling_project p ON p.id = i.project_id
 WHERE i.state = 'ready' AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)
   AND (i.place IS NULL OR p.candidates_needed > 0 AND p.candidates_needed >
        (SELECT count(*) FROM labeling_candidate c WHERE c.item_id = i.id))

-- name: done_item_is_complete
-- A done item has all its answers and says since when.
SELECT count(*) FROM labeling_item i
 WHERE i.state = 'done' AND (i.n_answered <> i.overlap OR i.done_at IS NULL)
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: ready_item_has_open_slots
-- An item with all its answers is not in the queue any more.
SELECT count(*) FROM labeling_item i
 WHERE i.state = 'ready' AND i.n_answered >= i.overlap
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: assignment_belongs_together
-- An assignment, its item and its enrolment are of one project, the enrolment is its
-- annotator's, and its questions and guidelines are the project's.
SELECT count(*) FROM labeling_assignment a
  LEFT JOIN labeling_item i ON i.id = a.item_id
  LEFT JOIN labeling_enrolment e ON e.id = a.enrolment_id
  LEFT JOIN labeling_questionset q ON q.id = a.questions_id
  LEFT JOIN labeling_guidelinesversion g ON g.id = a.guidelines_id
 WHERE (i.project_id IS DISTINCT FROM a.project_id OR e.project_id IS DISTINCT FROM a.project_id
        OR e.annotator_id IS DISTINCT FROM a.annotator_id
        OR q.project_id IS DISTINCT FROM a.project_id
        OR a.guidelines_id IS NOT NULL AND g.project_id IS DISTINCT FROM a.project_id)
   AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s OR i.project_id = %(project)s)

-- name: response_belongs_together
-- A response has the item, annotator and project of its assignment, and questions and
-- guidelines of that project.
SELECT count(*) FROM labeling_response r
  LEFT JOIN labeling_assignment a ON a.id = r.assignment_id
  LEFT JOIN labeling_questionset q ON q.id = r.questions_id
  LEFT JOIN labeling_guidelinesversion g ON g.id = r.guidelines_id
 WHERE (a.item_id IS DISTINCT FROM r.item_id OR a.annotator_id IS DISTINCT FROM r.annotator_id
        OR a.project_id IS DISTINCT FROM r.project_id
        OR q.project_id IS DISTINCT FROM r.project_id
        OR r.guidelines_id IS NOT NULL AND g.project_id IS DISTINCT FROM r.project_id)
   AND (%(project)s::bigint IS NULL OR r.project_id = %(project)s OR a.project_id = %(project)s)

-- name: shown_candidates_are_the_items
-- What an annotator was shown are candidates of the item, each once.
SELECT count(*) FROM labeling_assignment a
 WHERE cardinality(a.shown) > 0 AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s)
   AND cardinality(a.shown) <> (
       SELECT count(DISTINCT c.id) FROM labeling_candidate c
        WHERE c.item_id = a.item_id AND c.id = ANY(a.shown))

-- name: workspaces_stay_apart
-- An enrolment's annotator is of the project's workspace.
SELECT count(*) FROM labeling_enrolment e
  JOIN labeling_project p ON p.id = e.project_id
  JOIN labeling_annotator n ON n.id = e.annotator_id
 WHERE n.workspace_id <> p.workspace_id
   AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s)

-- name: item_is_rendered
-- Every message of an item is stored with its HTML.
SELECT count(*) FROM labeling_item i
 WHERE (jsonb_array_length(i.rendered) <> jsonb_array_length(i.messages)
        OR jsonb_path_exists(i.rendered, '$[*] ? (!exists(@.html))'))
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: candidate_is_rendered
-- Every turn of a candidate is stored with its HTML.
SELECT count(*) FROM labeling_candidate c
  JOIN labeling_item i ON i.id = c.item_id
 WHERE (jsonb_array_length(c.rendered) <> jsonb_array_length(c.turns)
        OR jsonb_path_exists(c.rendered, '$[*] ? (!exists(@.html))'))
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: info_leases_overdue
-- Leases that ran out over a minute ago and wait for the sweep.
SELECT count(*) FROM labeling_assignment a
 WHERE a.state IN ('held', 'parked') AND a.expires_at < now() - interval '60 seconds'
   AND (%(project)s::bigint IS NULL OR a.project_id = %(project)s)

-- name: info_requests_overdue
-- Generation requests whose worker has been silent for a minute.
SELECT count(*) FROM labeling_generationrequest r
 WHERE r.state = 'leased' AND r.leased_until < now() - interval '60 seconds'
   AND (%(project)s::bigint IS NULL OR r.project_id = %(project)s)

-- name: info_consensus_overdue
-- Items done for over a minute that are not added up (an amended one waits like that too).
SELECT count(*) FROM labeling_item i
 WHERE i.done_at < now() - interval '60 seconds' AND i.consensus_at IS NULL
   AND (%(project)s::bigint IS NULL OR i.project_id = %(project)s)

-- name: info_behind_frontier
-- Open items that some annotator's frontier hides: places are drawn before they are
-- committed, so this happens; a desk that finds nothing looks from the beginning.
SELECT count(*) FROM labeling_enrolment e
  JOIN labeling_item i ON i.project_id = e.project_id AND i.state = 'ready'
       AND i.n_taken < i.overlap AND i.place <= e.frontier
 WHERE i.author_id IS DISTINCT FROM e.annotator_id
   AND (%(project)s::bigint IS NULL OR e.project_id = %(project)s)
   AND NOT EXISTS (
       SELECT 1 FROM labeling_assignment a
        WHERE a.item_id = i.id AND a.annotator_id = e.annotator_id
          AND a.state IN ('held', 'parked', 'answered', 'skipped', 'surplus'))
