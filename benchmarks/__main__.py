"""`python -m benchmarks [closed-loop] [--desks N] [--want N] [--seconds S] [--items N]`"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys


def main() -> None:
    """Run what was asked for and print one JSON object for each run."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("what", nargs="?", default="closed-loop", choices=["closed-loop"])
    parser.add_argument("--desks", type=int, default=50)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--want", type=int, action="append")
    options = parser.parse_args()
    wants = options.want or [2, 1]
    if len(wants) > 1:  # a process for each: Django keeps the address of the first stack
        shared = ["--desks", options.desks, "--items", options.items, "--seconds", options.seconds]
        for want in wants:
            command = [sys.executable, "-m", "benchmarks", options.what, *map(str, shared)]
            subprocess.run([*command, "--want", str(want)], check=True)
        return
    from benchmarks.closed_loop import run_closed_loop

    result = run_closed_loop(
        n_desks=options.desks, n_items=options.items, seconds=options.seconds, want=wants[0]
    )
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
