"""`python -m benchmarks [closed-loop] [--desks N] [--want N] [--seconds S] [--items N]`"""

from __future__ import annotations

import argparse
import json


def main() -> None:
    """Run what was asked for and print one JSON object for each run."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("what", nargs="?", default="closed-loop", choices=["closed-loop"])
    parser.add_argument("--desks", type=int, default=50)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--want", type=int, action="append")
    options = parser.parse_args()
    from benchmarks.closed_loop import run_closed_loop

    for want in options.want or [2, 1]:
        result = run_closed_loop(
            n_desks=options.desks, n_items=options.items, seconds=options.seconds, want=want
        )
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
