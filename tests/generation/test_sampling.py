"""What a model server is sent for a policy and an item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from generation import sampling
from generation.errors import Invalid
from generation.kinds import EndpointKind
from generation.specs import AnswerTurn, PolicySpec, SamplingParameters

WARM = SamplingParameters(temperature=0.9, top_p=0.95, max_tokens=160)
POLICY = PolicySpec(
    id=1, uid=UUID(int=1), name="warm", endpoint_id=1, model="smollm2", parameters=WARM
)
ASK = [{"role": "user", "content": "Write a haiku.", "html": "<p>Write a haiku.</p>"}]


def body(policy: PolicySpec = POLICY, **changes: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"seed": 64, "n": 1, "endpoint_kind": EndpointKind.VLLM, **changes}
    return sampling.build_body(policy, ASK, **wanted)


def with_parameters(**changes: Any) -> PolicySpec:
    return replace(POLICY, parameters=replace(WARM, **changes))


def test_vllm_is_sent_every_sampling_value() -> None:
    assert body(n=4) == {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Write a haiku."}],
        "temperature": 0.9,
        "top_p": 0.95,
        "max_tokens": 160,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": 64,
        "n": 4,
        "stream": False,
    }


def test_other_servers_are_sent_no_vllm_parameters() -> None:
    sent = body(endpoint_kind=EndpointKind.OPENAI)
    assert not {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs"} & set(sent)
    assert {"temperature", "top_p", "max_tokens", "seed", "n"} <= set(sent)


def test_parameters_a_server_would_ignore_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        body(with_parameters(min_p=0.1), endpoint_kind=EndpointKind.OPENAI)
    assert "parameters.min_p" in caught.value.fields


def test_stop_and_template_arguments_are_sent() -> None:
    sent = body(with_parameters(stop=("END",), chat_template_kwargs={"enable_thinking": False}))
    assert sent["stop"] == ["END"]
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}


def test_temperature_zero_takes_one_choice_only() -> None:
    assert body(with_parameters(temperature=0.0))["temperature"] == 0.0
    with pytest.raises(Invalid):
        body(with_parameters(temperature=0.0), n=2)
    with pytest.raises(Invalid):
        body(replace(POLICY, is_n_per_request_ok=False), n=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("top_k", -2),
        ("min_p", 1.1),
        ("repetition_penalty", 0.0),
        ("presence_penalty", 3.0),
        ("stop", ("",)),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(Invalid) as caught:
        body(with_parameters(**{name: value}))
    assert list(caught.value.fields) == [f"parameters.{name}"]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"temperature", "top_p", "max_tokens"}),
        (
            {"temperature": "hot", "top_p": True, "max_tokens": 1.5},
            {"temperature", "top_p", "max_tokens"},
        ),
        ({"temperature": float("nan"), "top_p": 1, "max_tokens": 9}, {"temperature"}),
        ({"temperature": 1, "top_p": 1, "max_tokens": 9, "best_of": 4}, {"best_of"}),
        ({"temperature": 1, "top_p": 1, "max_tokens": 9, "stop": [1]}, {"stop"}),
    ],
)
def test_unreadable_parameters_are_refused_by_name(values: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        sampling.parse_parameters(values)
    assert set(caught.value.fields) == {f"parameters.{name}" for name in wrong}


def test_parameters_survive_the_way_through_json() -> None:
    full = replace(WARM, stop=("a", "b"), top_k=40, chat_template_kwargs={"x": 1})
    assert sampling.parse_parameters(full.as_json()) == full
    assert sampling.parse_parameters(WARM.as_json()) == WARM


def test_items_system_message_follows_the_policys() -> None:
    asked = [{"role": "system", "content": "You are a poet."}, *ASK]
    joined = sampling.with_system_prompt("Be brief.", asked)
    assert joined[0] == {"role": "system", "content": "Be brief.\n\nYou are a poet."}
    assert [message["role"] for message in joined] == ["system", "user"]
    assert sampling.with_system_prompt("", asked)[0]["content"] == "You are a poet."
    assert sampling.with_system_prompt("Be brief.", ASK)[0]["content"] == "Be brief."


def test_seeds_of_draws_and_their_children_never_collide() -> None:
    for _ in range(50):
        request, policy = uuid4(), uuid4()
        seeds = [sampling.base_seed(request, policy, draw) for draw in range(20)]
        children = {seed + child for seed in seeds for child in range(sampling.SEED_BLOCK)}
        assert len(children) == 20 * sampling.SEED_BLOCK
        assert 0 <= min(children) <= max(children) < 2**32 - 1


def test_seed_is_the_same_for_ever() -> None:
    assert sampling.base_seed(UUID(int=1), UUID(int=2), 0) == 390_369_344


def test_second_turn_sees_the_policys_own_first_answer() -> None:
    first, second = {"role": "user", "content": "1?"}, {"role": "user", "content": "2?"}
    history = [{"role": "user", "content": "0?"}, {"role": "assistant", "content": "0."}]
    messages = [*history, first, second]
    assert sampling.open_turns(messages) == (2, 3)
    assert sampling.next_turn_messages(messages, []) == [*history, first]
    own = AnswerTurn("1.", reasoning="hm", tool_calls=({"id": "x"},))
    assert sampling.next_turn_messages(messages, [own]) == [
        *history,
        first,
        {"role": "assistant", "content": "1."},
        second,
    ]
    with pytest.raises(Invalid):
        sampling.next_turn_messages(messages, [own, own])


def test_item_without_open_turn_cannot_be_asked() -> None:
    with pytest.raises(Invalid):
        sampling.next_turn_messages([{"role": "assistant", "content": "Hi"}], [])


def test_only_what_surely_does_not_fit_is_refused() -> None:
    prompt = sampling.estimate_tokens([{"role": "user", "content": "word " * 1000}])
    assert 1000 <= prompt <= 1500
    assert sampling.fits(model_len=None, prompt_tokens=10**9, max_tokens=1)
    assert sampling.fits(model_len=2048, prompt_tokens=prompt, max_tokens=160)
    assert not sampling.fits(model_len=2048, prompt_tokens=4000, max_tokens=160)
    assert not sampling.fits(model_len=100, prompt_tokens=1, max_tokens=160)
