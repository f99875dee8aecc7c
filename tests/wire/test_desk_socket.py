"""The desk protocol over a real socket to a real Daphne process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from labeling.events import bus
from labeling.events.types import UserShutOut
from labeling.models import (
    Annotator,
    Assignment,
    Desk,
    Enrolment,
    Flag,
    Item,
    Membership,
    Response,
    User,
)
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks, release_task
from labeling.operations.audit import MACHINE
from labeling.operations.quotas import set_quota
from labeling.operations.returns import expire_leases
from labeling.operations.tokens import create_token
from labeling.rules.permissions import Permission, Scope, is_allowed, is_in_scope
from labeling.rules.states import Role
from tests.desk.builders import Campaign, build_campaign
from tests.wire.client import DeskClient, sit_down
from tests.wire.conftest import Web

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
BETTER = {"better": {"better": "A", "strength": 2}}


class Person:
    """A user with an annotator's membership, a token and a pseudonym."""

    def __init__(self, campaign: Campaign, name: str, role: str = "annotator") -> None:
        self.user = User.objects.create_user(f"{name}@lab.example", "correct horse battery")
        workspace = campaign.project.workspace
        Membership.objects.create(workspace=workspace, user=self.user, role=role)
        self.annotator = Annotator.objects.create(
            workspace=workspace, user=self.user, pseudonym=name
        )
        self.token = create_token(user=self.user, actor=MACHINE).secret

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment.objects.get(annotator=self.annotator)


async def closed_with(client: DeskClient) -> int:
    while True:
        try:
            await client.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def eventually(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for what another process does in its own time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def in_loop(work: Callable[[], Any]) -> Any:
    return asyncio.run(work())


def test_the_whole_conversation(web: Web) -> None:
    campaign = build_campaign(n_items=5, n_annotators=0, overlap=1)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            welcome = await desk.hello(want=2)
            assert welcome["annotator"] == "ana"
            assert welcome["protocol"] == 1
            assert welcome["lease_s"] == 300
            assert [q["name"] for q in welcome["project"]["questions"]] == ["better"]
            first, second = welcome["tasks"]
            draft = await desk.ask(
                "draft",
                task=first["task"],
                lease=first["lease"],
                values={"better": {"better": "A", "strength": 1}},
            )
            assert draft["type"] == "saved"
            refused = await desk.submit(first, {"better": {"better": "Q"}})
            assert (refused["code"], set(refused["fields"])) == ("invalid", {"better"})
            accepted = await desk.submit(first, BETTER)
            assert (accepted["type"], accepted["duplicate"]) == ("accepted", False)
            assert accepted["progress"]["done"] == 1
            third = (await desk.until("task"))["task"]
            again = await desk.submit(first, BETTER)
            assert again["duplicate"] is True
            flagged = await desk.ask("flag", task=second["task"], reason="unclear", note="?")
            assert flagged["type"] == "flagged"
            await desk.send("active", task=second["task"], lease=second["lease"])
            skipped = await desk.ask(
                "skip", task=second["task"], lease=second["lease"], reason="too_hard"
            )
            assert skipped["type"] == "skipped"
            fourth = (await desk.until("task"))["task"]
            parked = await desk.ask("park", task=third["task"], lease=third["lease"])
            assert parked["type"] == "parked"
            fifth = (await desk.until("task"))["task"]
            released = await desk.ask("release", task=fifth["task"], lease=fifth["lease"])
            assert released["type"] == "released"
            back = (await desk.until("task"))["task"]
            assert back["task"] == fifth["task"]
            assert back["lease"] != fifth["lease"]
            for task in (fourth, back, third):
                assert (await desk.submit(task, BETTER))["type"] == "accepted"
            assert (await desk.until("idle"))["reason"] == "no_work"
            amended = (await desk.ask("amend", task=first["task"]))["task"]
            assert amended["draft"] == BETTER
            assert (await desk.submit(amended, {"better": {"better": "tie"}}))["type"] == "accepted"
            assert (await desk.ask("ping"))["type"] == "pong"
            await desk.send("want", n=3)
            assert (await desk.until("idle"))["reason"] == "no_work"

    in_loop(talk)
    assert Response.objects.filter(is_current=True).count() == 4
    assert Flag.objects.get().note == "?"
    assert campaign.item_states() == {"done": 4, "ready": 1}


def test_welcome_has_what_was_held_and_new_tasks_come_as_frames(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            assert (await desk.ask("hello", protocol=1, want=1))["tasks"] == []
            task = (await desk.until("task"))["task"]
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            [held] = (await desk.ask("hello", protocol=1, want=2))["tasks"]
            assert held["task"] == task["task"]
            assert (await desk.until("task"))["task"]["task"] != task["task"]

    in_loop(talk)


def test_who_may_not_sit_down_is_told_by_name(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana = Person(campaign, "ana")
    other = build_campaign(slug="dogs", n_annotators=0, is_restricted=True)
    stranger = User.objects.create_user("eve@else.example", "correct horse battery")
    eve = create_token(user=stranger, actor=MACHINE).secret

    async def code(url: str, token: str | None = None, **headers: str) -> int:
        async with sit_down(url, token, **headers) as connection:
            return await closed_with(DeskClient(connection))

    async def talk() -> None:
        assert await code(web.socket_url("cats")) == 4401
        assert await code(web.socket_url("cats"), "qm_nonsense") == 4401
        assert await code(web.socket_url("nowhere"), ana.token) == 4404
        assert await code(web.socket_url("cats"), eve) == 4404
        assert await code(web.socket_url(other.project.slug), ana.token) == 4403
        for origin in ("https://evil.example", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await code(web.socket_url("cats"), Origin=origin)
            assert refused.value.response.status_code == 403

    in_loop(talk)


def test_every_role_and_scope_is_let_in_as_the_matrix_says(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    roles = {role: Person(campaign, role.value, role=role.value) for role in Role}
    ana = Person(campaign, "ana")
    scoped = {
        scope: create_token(user=ana.user, actor=MACHINE, scopes=[scope]).secret
        for scope in (Scope.READ, Scope.WORK, Scope.MANAGE)
    }

    async def is_let_in(token: str) -> bool:
        async with sit_down(web.socket_url("cats"), token) as connection:
            try:
                return (await DeskClient(connection).hello())["type"] == "welcome"
            except ConnectionClosed:
                return False

    async def talk() -> None:
        for role, person in roles.items():
            assert await is_let_in(person.token) == is_allowed(Permission.PROJECT_WORK, role)
        for scope, token in scoped.items():
            assert await is_let_in(token) == is_in_scope(Permission.PROJECT_WORK, [scope])

    in_loop(talk)


def test_no_message_reaches_somebody_elses_task(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana, ben = Person(campaign, "ana"), Person(campaign, "ben")

    async def talk() -> None:
        async with (
            sit_down(web.socket_url("cats"), ana.token) as one,
            sit_down(web.socket_url("cats"), ben.token) as two,
        ):
            [task] = (await DeskClient(one).hello())["tasks"]
            thief = DeskClient(two)
            await thief.hello(want=0)
            held = {"task": task["task"], "lease": task["lease"]}
            messages: dict[str, dict[str, Any]] = {
                "draft": {**held, "values": BETTER},
                "submit": {**held, "values": BETTER, "spent_ms": 1},
                "skip": {**held, "reason": "other"},
                "release": held,
                "park": held,
                "flag": {"task": task["task"], "reason": "unclear"},
                "amend": {"task": task["task"]},
            }
            for type_, fields in messages.items():
                reply = await thief.ask(type_, **fields)
                assert (type_, reply["type"], reply["code"]) == (type_, "refused", "not_found")

    in_loop(talk)
    assert not Response.objects.exists()


def test_a_quota_changed_while_working_is_told_and_holds(web: Web) -> None:
    campaign = build_campaign(n_items=9, n_annotators=0)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            first, second = (await desk.hello(want=2))["tasks"]
            enrolment = await sync_to_async(lambda: ana.enrolment)()
            await sync_to_async(set_quota)(
                enrolment=enrolment, total=1, per_day=None, actor=MACHINE
            )
            assert (await desk.until("progress"))["quota_left"] == 1
            for task in (first, second):  # what was on the desk may still be answered
                assert (await desk.submit(task, BETTER))["type"] == "accepted"
            assert (await desk.until("idle"))["reason"] == "quota_reached"

    in_loop(talk)


def test_a_cookie_works_with_an_allowed_origin_only(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana = Person(campaign, "ana")
    browser = Client()
    browser.force_login(ana.user)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), Cookie=cookie, Origin=web.url) as connection:
            assert (await DeskClient(connection).hello())["annotator"] == "ana"
        for headers in ({"Cookie": cookie}, {"Cookie": cookie, "Origin": "https://evil.example"}):
            with pytest.raises(InvalidStatus) as refused:
                async with sit_down(web.socket_url("cats"), **headers):
                    pass
            assert refused.value.response.status_code == 403

    in_loop(talk)


def test_malformed_frames_are_refused_and_disturb_nobody(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            for frame in ("{", "[]", '{"type": "dance"}', '{"type": "want", "n": true}'):
                await connection.send(frame)
                assert (await desk.receive())["code"] in ("protocol", "invalid")
            await connection.send(json.dumps({"type": "hello", "protocol": 1, "want": 99}))
            assert (await desk.receive())["code"] == "invalid"
            await desk.hello()
            await connection.send(json.dumps({"type": "ping", "x": "y" * 300_000}))
            assert (await desk.receive())["code"] == "too_large"
            assert (await desk.ask("ping"))["type"] == "pong"
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            await connection.send(json.dumps({"type": "ping", "x": "y" * 1_200_000}))
            assert await closed_with(DeskClient(connection)) == 1009
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            await connection.send("y" * 5_000_000)
            assert await closed_with(DeskClient(connection)) == 1009
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            await connection.send(json.dumps({"type": "hello", "protocol": 2, "want": 1}))
            assert await closed_with(DeskClient(connection)) == 4400
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            await desk.hello()
            for _ in range(400):
                await connection.send('{"type":"ping"}')
            refused = await desk.until("refused")
            assert refused["code"] == "rate_limited"

    in_loop(talk)


def test_reconnect_resumes_with_the_same_leases(web: Web) -> None:
    campaign = build_campaign(n_annotators=0)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            before = (await DeskClient(connection).hello(want=2))["tasks"]
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            after = (await DeskClient(connection).hello(want=2))["tasks"]
        assert [(t["task"], t["lease"]) for t in before] == [(t["task"], t["lease"]) for t in after]

    in_loop(talk)
    assert Desk.objects.count() == 2
    eventually(lambda: not Desk.objects.filter(closed_at=None).exists())


def test_work_that_appears_is_pushed_to_the_desk_that_waited_longest(web: Web) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    [cat] = campaign.enrolments
    people = [Person(campaign, name) for name in ("ana", "ben")]
    [task] = drivers.run(lambda: claim_tasks(enrolment_id=cat.id, want=1)).tasks

    async def talk() -> None:
        async with (
            sit_down(web.socket_url("cats"), people[0].token) as one,
            sit_down(web.socket_url("cats"), people[1].token) as two,
        ):
            ana, ben = DeskClient(one), DeskClient(two)
            for desk in (ana, ben):
                assert (await desk.hello())["tasks"] == []
                assert (await desk.until("idle"))["reason"] == "no_work"
            start = asyncio.get_running_loop().time()
            await sync_to_async(drivers.run)(
                lambda: release_task(enrolment_id=cat.id, task=task.task, lease=task.lease, want=0)
            )
            await ana.until("task", timeout=5)
            assert asyncio.get_running_loop().time() - start < 5

    in_loop(talk)


def test_expiry_and_shut_out_reach_open_desks(web: Web) -> None:
    campaign = build_campaign(n_items=1, n_annotators=0, overlap=1)
    ana = Person(campaign, "ana")

    async def talk() -> None:
        async with sit_down(web.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            [task] = (await desk.hello())["tasks"]
            await sync_to_async(Assignment.objects.filter(uid=task["task"]).update)(
                expires_at="2020-01-01T00:00:00Z"
            )
            assert await sync_to_async(expire_leases)() == 1
            revoked = await desk.until("revoked", timeout=5)
            assert (revoked["task"], revoked["reason"]) == (task["task"], "expired")
            await sync_to_async(bus.publish)(UserShutOut(ana.user.pk))
            assert await closed_with(desk) == 4401

    in_loop(talk)


def test_a_killed_web_process_loses_no_accepted_answer(start_web: Callable[..., Web]) -> None:
    campaign = build_campaign(n_items=40, n_annotators=0, overlap=1)
    ana = Person(campaign, "ana")
    first, second = start_web(), start_web()
    accepted: list[str] = []

    async def talk() -> None:
        async with sit_down(first.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            [task] = (await desk.hello())["tasks"]
            for _ in range(10):
                reply = await desk.submit(task, BETTER)
                assert reply["type"] == "accepted"
                accepted.append(reply["task"])
                task = (await desk.until("task"))["task"]
            await sync_to_async(first.kill)()
            with pytest.raises(ConnectionClosed):
                await desk.submit(task, BETTER)
        async with sit_down(second.socket_url("cats"), ana.token) as connection:
            desk = DeskClient(connection)
            [held] = (await desk.hello())["tasks"]
            assert (held["task"], held["lease"]) == (task["task"], task["lease"])
            assert (await desk.submit(held, BETTER))["type"] == "accepted"

    in_loop(talk)
    stored = {str(uid) for uid in Response.objects.values_list("assignment__uid", flat=True)}
    assert stored >= set(accepted)
    assert len(stored) == 11
    assert Item.objects.filter(state="done").count() == 11
