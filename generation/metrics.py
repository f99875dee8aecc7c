"""Why: how busy a vLLM server is, from its Prometheus text. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """What a server says of itself; None = it does not say.

    Counts add up over the models and engines of one server; the fullest KV
    cache counts.
    """

    n_running: int | None = None
    n_waiting: int | None = None
    kv_cache_usage: float | None = None
    n_succeeded: int | None = None


_SUMS = {
    "vllm:num_requests_running": "n_running",
    "vllm:num_requests_waiting": "n_waiting",
    "vllm:request_success_total": "n_succeeded",
    "llamacpp:requests_processing": "n_running",
    "llamacpp:requests_deferred": "n_waiting",
}
_MAXIMA = {
    "vllm:kv_cache_usage_perc": "kv_cache_usage",
    "vllm:gpu_cache_usage_perc": "kv_cache_usage",  # its name until 0.10
    "llamacpp:kv_cache_usage_ratio": "kv_cache_usage",
}


def parse_load(text: str) -> ServerLoad:
    """Return the load that a metrics page tells; lines that make no sense are passed over.

    >>> parse_load('vllm:num_requests_running{model_name="a"} 3.0').n_running
    3
    """
    totals: dict[str, float] = {}
    for line in text.splitlines():
        name, value = _sample(line)
        if name in _SUMS:
            totals[_SUMS[name]] = totals.get(_SUMS[name], 0.0) + value
        elif name in _MAXIMA:
            totals[_MAXIMA[name]] = max(totals.get(_MAXIMA[name], 0.0), value)
    return ServerLoad(
        n_running=_whole(totals.get("n_running")),
        n_waiting=_whole(totals.get("n_waiting")),
        kv_cache_usage=totals.get("kv_cache_usage"),
        n_succeeded=_whole(totals.get("n_succeeded")),
    )


def _sample(line: str) -> tuple[str, float]:
    """Return name and value of a line, ("", 0) where it holds none."""
    line = line.strip()
    if not line or line.startswith("#"):
        return "", 0.0
    name = line.split("{", 1)[0].split(" ", 1)[0]
    fields = line.rsplit("}", 1)[-1].split() if "{" in line else line.split()[1:]
    try:
        value = float(fields[0])
    except (IndexError, ValueError):
        return "", 0.0
    return (name, value) if math.isfinite(value) else ("", 0.0)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
