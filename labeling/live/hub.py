"""Why: what the desks of one web process share: doorbells, the beat, the slow poll.

One hub per event loop. It listens on one group of the channel layer (not four channels per
socket), beats once for all its desks, and pokes desks that wait. All it keeps in memory is
which desks are open here; losing every doorbell costs a waiting desk at most POLL_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterable
from typing import Any, Protocol

from channels.layers import get_channel_layer

from labeling.operations import drivers
from labeling.operations.presence import beat_desks

logger = logging.getLogger(__name__)

GROUP = "desks"
BEAT_S = 5.0
POLL_S = (8.0, 14.0)
RING_TIMEOUT_S = 2.0


class OpenDesk(Protocol):
    """What the hub needs of a desk."""

    uid: str
    enrolment_id: int
    project_id: int
    annotator_id: int
    user_id: int

    async def hear(self, hint: dict[str, Any]) -> None:
        """React to a doorbell."""
        ...

    @property
    def shown(self) -> frozenset[str]:
        """Which tasks the client was sent and still shows."""
        ...

    def learn(self, may_stay: bool, standing: tuple[str, str, int]) -> dict[str, Any] | None:
        """Take in a beat's news; return the hint to hear, if anything changed."""
        ...

    @property
    def waits_since(self) -> float | None:
        """Since when (loop time) it has waited or last looked for work; None: it does not."""
        ...


class Hub:
    """The open desks of this process and the tasks that serve them."""

    def __init__(self) -> None:
        self.desks: dict[str, OpenDesk] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, desk: OpenDesk) -> None:
        """Take a desk in; the first one starts the hub's loops."""
        self.desks[desk.uid] = desk
        if not self._tasks:
            for loop in (self._listen(), self._beat(), self._poll()):
                self._spawn(loop)

    def remove(self, desk: OpenDesk) -> None:
        self.desks.pop(desk.uid, None)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, hint: dict[str, Any]) -> None:
        """Have every desk that a hint is for hear it."""
        for desk in list(self._addressed(hint)):
            self._spawn(_hear(desk, hint))

    def _addressed(self, hint: dict[str, Any]) -> Iterable[OpenDesk]:
        if "uids" in hint:
            return (self.desks[uid] for uid in hint["uids"] if uid in self.desks)
        wanted = {
            name: hint[name]
            for name in ("enrolment_id", "project_id", "annotator_id", "user_id")
            if hint.get(name) is not None
        }
        return (
            desk
            for desk in self.desks.values()
            if wanted and all(getattr(desk, name) == value for name, value in wanted.items())
        )

    async def _listen(self) -> None:
        """Pass on what rings, for ever; a lost broker is waited for."""
        while True:
            try:
                layer = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                while True:
                    message = await layer.receive(channel)
                    self.tell(message["hint"])
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.warning("the doorbell's broker is away; desks poll meanwhile")
                await asyncio.sleep(random.uniform(1, 3))  # noqa: S311

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S * random.uniform(0.8, 1.0))  # noqa: S311
            with contextlib.suppress(asyncio.CancelledError):
                await self._beat_once()

    async def _beat_once(self) -> None:
        desks = list(self.desks.values())
        if not desks:
            return
        uids = [desk.uid for desk in desks]
        shown = {desk.uid: desk.shown for desk in desks}
        enrolments = sorted({desk.enrolment_id for desk in desks})
        try:
            news, live = await drivers.run_async(
                lambda: beat_desks(uids=uids, enrolments=enrolments)
            )
        except Exception:
            logger.exception("beat failed")
            return
        for item in news:
            desk = self.desks.get(item.uid)
            if desk is None:
                continue
            gone = sorted(shown[item.uid] - live)
            hint = desk.learn(item.may_stay, item.standing)
            for one in ({"kind": "gone", "tasks": gone} if gone else None, hint):
                if one:
                    self._spawn(_hear(desk, one))

    async def _poll(self) -> None:
        """Have desks that wait look again, each after a time of its own."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            for desk in list(self.desks.values()):
                since = desk.waits_since
                if since is not None and loop.time() - since > random.uniform(*POLL_S):  # noqa: S311
                    self._spawn(_hear(desk, {"kind": "work"}))


async def _hear(desk: OpenDesk, hint: dict[str, Any]) -> None:
    try:
        await desk.hear(hint)
    except Exception:
        logger.exception("a desk could not react", extra={"desk": desk.uid})


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def this_hub() -> Hub:
    """Return the running event loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        for other in [other for other in _hubs if other.is_closed()]:
            del _hubs[other]
        _hubs[loop] = Hub()
    return _hubs[loop]


async def ring(hint: dict[str, Any]) -> None:
    """Send a hint to the hubs of all web processes.

    Raises: whatever the broker raises, soon; callers leave it to the polls.
    """
    layer = get_channel_layer()
    message = {"type": "hint", "hint": hint}
    async with asyncio.timeout(RING_TIMEOUT_S):
        await layer.group_send(GROUP, message)
