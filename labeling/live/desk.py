"""Why: one open desk: carries out what its client says, and what doorbells hint at.

A message is one operation and its reply. Whatever leaves the desk with fewer tasks than
it wants is followed by another look for work, then by `idle`. Messages and hints of one
desk run one after another (`_lock`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from uuid_utils.compat import uuid7

from labeling.live import admission, frames
from labeling.live.admission import Admission
from labeling.live.hub import this_hub
from labeling.live.protocol import (
    Acknowledge,
    Active,
    Amend,
    ClientMessage,
    CloseCode,
    Draft,
    Flag,
    Hello,
    Park,
    Ping,
    ProtocolError,
    Release,
    Skip,
    Submit,
    Want,
)
from labeling.operations.assignments import (
    Hand,
    acknowledge_guidelines,
    claim_tasks,
    flag_task,
    mark_active,
    park_task,
    release_task,
    resume_tasks,
    skip_task,
)
from labeling.operations.drivers import run_async
from labeling.operations.presence import close_desk, find_gone, open_desk, set_desk
from labeling.operations.responses import amend_response, save_draft, submit_response
from labeling.operations.steps import Refused
from labeling.rules.vocabulary import IdleReason, RefusedCode, RevokedReason

logger = logging.getLogger(__name__)

Send = Callable[[str], Awaitable[None]]
Close = Callable[[CloseCode], Awaitable[None]]
CONTENDED_TRIES = 8


class Desk:
    """One annotator's connection to one project."""

    def __init__(self, admitted: Admission, send: Send, close: Close) -> None:
        self.uid = str(uuid7())
        self.enrolment_id = admitted.enrolment_id
        self.project_id = admitted.project_id
        self.annotator_id = admitted.annotator_id
        self.user_id = admitted.user_id
        self._admitted = admitted
        self._send = send
        self._close = close
        self._want = 0
        self._is_greeted = False
        self._idle: IdleReason | None = None
        self._looked_at: float | None = None
        self._standing: tuple[str, str, int] | None = None
        self._shown: set[str] = set()
        self._lock = asyncio.Lock()

    @property
    def shown(self) -> frozenset[str]:
        return frozenset(self._shown)

    @property
    def waits_since(self) -> float | None:
        return self._looked_at if self._idle is IdleReason.NO_WORK else None

    # --- what the client says -------------------------------------------------

    async def handle(self, message: ClientMessage) -> None:
        """Carry out one message and answer it.

        Raises:
            ProtocolError: something other than `hello` or `ping` came first.
        """
        async with self._lock:
            if not self._is_greeted and not isinstance(message, Hello | Ping):
                raise ProtocolError(
                    RefusedCode.PROTOCOL,
                    "Say hello first.",
                    ref=message.ref,
                    close=CloseCode.PROTOCOL,
                )
            try:
                await _HANDLERS[type(message)](self, message)
            except Refused as refusal:
                await self._refuse(message, refusal)

    async def _refuse(self, message: ClientMessage, refusal: Refused) -> None:
        if isinstance(message, Active):
            return  # has no reply; the desk hears of a lost lease by `revoked`
        await self._send(
            frames.refused(
                refusal.code,
                refusal.detail,
                ref=message.ref,
                task=getattr(message, "task", None),
                fields=refusal.fields or None,
            )
        )

    async def _hello(self, message: Hello) -> None:
        self._want = message.want
        is_first, self._is_greeted = not self._is_greeted, True
        if is_first:
            await run_async(
                lambda: open_desk(
                    uid=self.uid,
                    enrolment_id=self.enrolment_id,
                    process=settings.PROCESS_NAME,
                    want=message.want,
                )
            )
            this_hub().add(self)
        hand = await run_async(
            lambda: resume_tasks(enrolment_id=self.enrolment_id, want=self._want)
        )
        card = await self._card()
        self._shown = {task.task for task in hand.held}
        await self._send(
            frames.welcome(
                ref=message.ref,
                annotator=self._admitted.annotator,
                project_json=card,
                tasks_json=[task.json for task in hand.held],
                progress=hand.progress.as_dict(),
                lease_s=self._admitted.lease_s,
                server_time=datetime.now(UTC),
            )
        )
        await self._deal(hand)

    async def _card(self) -> str:
        read = database_sync_to_async(admission.project_card, thread_sensitive=False)
        card: str = await read(self.project_id, self.enrolment_id)
        return card

    async def _set_want(self, message: Want) -> None:
        self._want = message.n
        await self._look_for_work()

    async def _draft(self, message: Draft) -> None:
        await run_async(
            lambda: save_draft(
                enrolment_id=self.enrolment_id,
                task=message.task,
                lease=message.lease,
                values=message.values,
            )
        )
        await self._send(frames.saved(task=message.task, ref=message.ref))

    async def _submit(self, message: Submit) -> None:
        accepted = await run_async(
            lambda: submit_response(
                enrolment_id=self.enrolment_id,
                task=message.task,
                lease=message.lease,
                values=message.values,
                spent_ms=message.spent_ms,
                want=self._want,
                wants_surplus=message.surplus,
            )
        )
        self._shown.discard(accepted.task)
        await self._send(
            frames.accepted(
                ref=message.ref,
                task=accepted.task,
                duplicate=accepted.is_duplicate,
                progress=accepted.hand.progress.as_dict(),
            )
        )
        await self._deal(accepted.hand)

    async def _skip(self, message: Skip) -> None:
        hand = await run_async(
            lambda: skip_task(
                enrolment_id=self.enrolment_id,
                task=message.task,
                lease=message.lease,
                reason=message.reason,
                note=message.note,
                want=self._want,
            )
        )
        self._shown.discard(message.task)
        await self._send(frames.skipped(task=message.task, ref=message.ref))
        await self._deal(hand)

    async def _release(self, message: Release) -> None:
        hand = await run_async(
            lambda: release_task(
                enrolment_id=self.enrolment_id,
                task=message.task,
                lease=message.lease,
                want=self._want,
            )
        )
        self._shown.discard(message.task)
        await self._send(frames.released(task=message.task, ref=message.ref))
        await self._deal(hand)

    async def _park(self, message: Park) -> None:
        hand = await run_async(
            lambda: park_task(
                enrolment_id=self.enrolment_id,
                task=message.task,
                lease=message.lease,
                want=self._want,
            )
        )
        await self._send(frames.parked(task=message.task, ref=message.ref))
        await self._deal(hand)

    async def _flag(self, message: Flag) -> None:
        await run_async(
            lambda: flag_task(
                enrolment_id=self.enrolment_id,
                task=message.task,
                reason=message.reason,
                note=message.note,
            )
        )
        await self._send(frames.flagged(task=message.task, ref=message.ref))

    async def _active(self, message: Active) -> None:
        await run_async(
            lambda: mark_active(
                enrolment_id=self.enrolment_id, task=message.task, lease=message.lease
            )
        )

    async def _acknowledge(self, message: Acknowledge) -> None:
        hand = await run_async(
            lambda: acknowledge_guidelines(
                enrolment_id=self.enrolment_id,
                version=message.guidelines_version,
                want=self._want,
            )
        )
        await self._send(frames.progress(hand.progress.as_dict()))
        await self._deal(hand)

    async def _amend(self, message: Amend) -> None:
        task, _ = await run_async(
            lambda: amend_response(enrolment_id=self.enrolment_id, task=message.task)
        )
        await self._send(frames.task(task.json, ref=message.ref))

    async def _ping(self, message: Ping) -> None:
        await self._send(frames.pong(ref=message.ref))

    # --- dealing --------------------------------------------------------------

    async def _look_for_work(self) -> None:
        await self._deal(
            await run_async(lambda: claim_tasks(enrolment_id=self.enrolment_id, want=self._want))
        )

    async def _deal(self, hand: Hand) -> None:
        """Send what was claimed; where it is too little, look once more, then say why."""
        await self._send_tasks(hand)
        if hand.may_find_more:
            hand = await self._look_everywhere()
        self._looked_at = asyncio.get_running_loop().time()
        before, self._idle = self._idle, hand.idle
        if hand.idle is not None:
            await self._send(frames.idle(hand.idle))
        waits = hand.idle is IdleReason.NO_WORK
        if waits or (before is IdleReason.NO_WORK):
            await run_async(lambda: set_desk(uid=self.uid, want=self._want, waits=waits))

    async def _look_everywhere(self) -> Hand:
        """Claim from the beginning of the order; open slots somebody has locked are waited for."""
        for attempt in range(CONTENDED_TRIES):
            hand = await run_async(
                lambda: claim_tasks(enrolment_id=self.enrolment_id, want=self._want, rescan=True)
            )
            await self._send_tasks(hand)
            if not hand.is_contended:
                break
            await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311
        return hand

    async def _send_tasks(self, hand: Hand) -> None:
        for task in hand.tasks:
            self._shown.add(task.task)
            await self._send(frames.task(task.json))

    # --- what doorbells and beats say -------------------------------------------

    async def hear(self, hint: dict[str, Any]) -> None:
        """React to a hint: look at the rows and tell the client."""
        if hint["kind"] == "shut_out":
            await self._close(CloseCode.NOT_LOGGED_IN)
        elif hint["kind"] == "revoked":
            self._shown.discard(hint["task"])
            reason = RevokedReason(hint["reason"])
            await self._send(frames.revoked(task=hint["task"], reason=reason))
        elif hint["kind"] == "gone":
            async with self._lock:
                await self._tell_gone(hint["tasks"])
        elif hint["kind"] == "notice":
            text = await database_sync_to_async(admission.notice_text)(hint["notice_id"])
            if text:
                await self._send(frames.notice(text))
        elif hint["kind"] == "work":
            async with self._lock:
                if self._want:
                    await self._look_for_work()
        elif hint["kind"] == "changed":
            async with self._lock:
                await self._look_again()

    async def _look_again(self) -> None:
        """Tell how the annotator stands now (a quota, a pause), and look for work."""
        hand = await run_async(lambda: claim_tasks(enrolment_id=self.enrolment_id, want=self._want))
        await self._send(frames.progress(hand.progress.as_dict()))
        await self._deal(hand)

    async def _tell_gone(self, tasks: list[str]) -> None:
        """Say of tasks the client still shows that they are gone: their doorbell was lost."""
        shown = [task for task in tasks if task in self._shown]
        gone = await run_async(lambda: find_gone(tasks=shown))
        for task, reason in gone.items():
            self._shown.discard(task)
            await self._send(frames.revoked(task=task, reason=reason))

    def learn(self, may_stay: bool, standing: tuple[str, str, int]) -> dict[str, Any] | None:
        """Take in what a beat found; a lost doorbell is made up for here."""
        before, self._standing = self._standing, standing
        if not may_stay:
            return {"kind": "shut_out"}
        return {"kind": "changed"} if before is not None and before != standing else None

    async def leave(self, *, is_clean: bool) -> None:
        """Take the desk away; after a clean close its tasks return soon."""
        if self._is_greeted:
            this_hub().remove(self)
            await run_async(lambda: close_desk(uid=self.uid, is_clean=is_clean))


_HANDLERS: dict[type, Callable[[Desk, Any], Awaitable[None]]] = {
    Hello: Desk._hello,
    Want: Desk._set_want,
    Draft: Desk._draft,
    Submit: Desk._submit,
    Skip: Desk._skip,
    Release: Desk._release,
    Park: Desk._park,
    Flag: Desk._flag,
    Active: Desk._active,
    Acknowledge: Desk._acknowledge,
    Amend: Desk._amend,
    Ping: Desk._ping,
}
