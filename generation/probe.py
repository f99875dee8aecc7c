"""Why: what the sweep that watches the model servers does to one of them.

A coroutine without Django: the caller stores the report (`operations.record_health`).
"""

from __future__ import annotations

import time

from generation.client import ModelClient
from generation.errors import CallFailed
from generation.kinds import Health
from generation.specs import EndpointSpec, ProbeReport


async def probe(endpoint: EndpointSpec) -> ProbeReport:
    """Ask a server how it is, what it serves and which version it is.

    Never raises for what the server does: an ill one is a report too.
    """
    began_at = time.monotonic()
    try:
        async with ModelClient(endpoint) as client:
            await client.health()
            models = await client.models()
            version = await client.version()
    except CallFailed as error:
        return ProbeReport(Health.DOWN, error_class=error.outcome, latency_ms=_since_ms(began_at))
    return ProbeReport(
        Health.UP, models=models, server_version=version, latency_ms=_since_ms(began_at)
    )


def _since_ms(began_at: float) -> int:
    return round((time.monotonic() - began_at) * 1000)
