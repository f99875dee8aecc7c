"""Desks when parts of the service are away: a broker that dies, sweeps that do not run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from deploy.local import valkey
from deploy.local.ports import pick_port
from labeling.models import Desk, Item, Response
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks, release_task
from labeling.operations.returns import revoke_all_of
from labeling.rules.vocabulary import RevokedReason
from tests.desk.builders import build_campaign
from tests.servers import RunningProgram
from tests.wire.client import DeskClient, sit_down
from tests.wire.conftest import Web
from tests.wire.test_desk_socket import BETTER, Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[valkey.ValkeyServer, RunningProgram]]:
    """A Valkey of this test's own, to be killed."""
    server = valkey.ValkeyServer(folder=tmp_path / "valkey", port=pick_port())
    server.folder.mkdir()
    running = RunningProgram(server.program(), tmp_path / "valkey.log")
    valkey.wait_until_ready(server, is_alive=running.is_alive)
    yield server, running
    running.stop()


def test_open_desks_go_on_when_the_broker_dies(
    start_web: Callable[..., Web], broker: tuple[valkey.ValkeyServer, RunningProgram]
) -> None:
    server, running = broker
    campaign = build_campaign(n_items=30, n_annotators=0, overlap=1)
    ana, ben = Person(campaign, "ana"), Person(campaign, "ben")
    web = start_web(REDIS_URL=server.url)

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            [task] = (await desk.hello())["tasks"]
            for n in range(20):
                if n == 5:
                    await sync_to_async(running.kill)()
                reply = await desk.submit(task, BETTER)
                assert reply["type"] == "accepted"
                task = (await desk.until("task"))["task"]
            async with sit_down(web.socket_url("cats"), ben.token) as late:
                assert (await DeskClient(late).hello())["tasks"]

    asyncio.run(talk())
    assert Response.objects.count() == 20


def test_a_desk_whose_doorbell_was_lost_finds_the_work_by_itself(
    start_web: Callable[..., Web], broker: tuple[valkey.ValkeyServer, RunningProgram]
) -> None:
    server, running = broker
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    [cat] = campaign.enrolments
    ana = Person(campaign, "ana")
    [task] = drivers.run(lambda: claim_tasks(enrolment_id=cat.id, want=1)).tasks
    web = start_web(REDIS_URL=server.url)

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            await desk.hello()
            assert (await desk.until("idle"))["reason"] == "no_work"
            await sync_to_async(running.kill)()
            await sync_to_async(Desk.objects.update)(waiting_since=None)
            await sync_to_async(drivers.run)(
                lambda: release_task(enrolment_id=cat.id, task=task.task, lease=task.lease, want=0)
            )
            start = time.monotonic()
            await desk.until("task", timeout=20)
            assert time.monotonic() - start < 16

    asyncio.run(talk())
    assert Item.objects.get().n_taken == 1


def test_a_pause_reaches_open_desks_though_its_doorbell_was_lost(
    start_web: Callable[..., Web], broker: tuple[valkey.ValkeyServer, RunningProgram]
) -> None:
    server, running = broker
    campaign = build_campaign(n_items=9, n_annotators=0)
    ana = Person(campaign, "ana")
    web = start_web(REDIS_URL=server.url)

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            held = {task["task"] for task in (await desk.hello(want=2))["tasks"]}
            await sync_to_async(running.kill)()
            campaign.project.state = "paused"
            await sync_to_async(campaign.project.save)(update_fields=["state"])
            await sync_to_async(revoke_all_of)(
                project_id=campaign.project.id, reason=RevokedReason.PAUSED
            )
            gone = [await desk.until("revoked", timeout=15) for _ in held]
            assert {frame["task"] for frame in gone} == held
            assert {frame["reason"] for frame in gone} == {"paused"}

    asyncio.run(talk())
