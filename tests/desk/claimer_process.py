"""A process of claimers: `python -m tests.desk.claimer_process DATABASE ENROLMENT…`.

Prints `ready`, waits for a line, then each annotator claims and answers in a thread of
its own until no work is left. Prints a JSON list: answers given, or what went wrong.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import django

django.setup()

from django.db import connections  # noqa: E402  (after setup)

from labeling.operations import drivers  # noqa: E402
from labeling.operations.assignments import claim_tasks  # noqa: E402
from labeling.operations.responses import submit_response  # noqa: E402

BETTER = {"better": {"better": "A", "strength": 1}}


def work(enrolment: int) -> int:
    """Claim and answer until there is nothing to claim; return how many were answered."""
    n = 0
    while True:
        hand = drivers.run(lambda: claim_tasks(enrolment_id=enrolment, want=2, rescan=True))
        if not hand.tasks:
            return n
        for task in hand.tasks:
            answer = {"task": task.task, "lease": task.lease, "values": BETTER}
            drivers.run(
                lambda answer=answer: submit_response(
                    enrolment_id=enrolment, spent_ms=1, want=0, **answer
                )
            )
            n += 1


def main() -> None:
    connections["default"].settings_dict["NAME"] = sys.argv[1]
    enrolments = [int(word) for word in sys.argv[2:]]
    outcomes: list[Any] = [None] * len(enrolments)

    def keep(k: int) -> None:
        try:
            outcomes[k] = work(enrolments[k])
        except Exception as error:
            outcomes[k] = repr(error)
        finally:
            connections.close_all()

    print("ready", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=keep, args=(k,)) for k in range(len(enrolments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    main()
