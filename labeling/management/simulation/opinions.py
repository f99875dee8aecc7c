"""Why: what a simulated annotator answers: a hidden truth, and noise on top.

Pure. The truth about a text is drawn from its hash, so everybody shares it whatever order
they saw the candidates in, and agreement can be predicted from the noise.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any

Task = Mapping[str, Any]


def worth(text: str) -> float:
    """Return the hidden quality of a text, 0–1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


class Opinions:
    """One annotator's way of answering; `noise` is the share of answers that are random."""

    def __init__(self, seed: str, noise: float) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secret)
        self._noise = noise

    def answer(self, task: Task) -> dict[str, Any]:
        """Return values for every question of the task that is shown."""
        values: dict[str, Any] = {}
        for question in task["questions"]:
            if _is_shown(question, values):
                values[question["name"]] = self._value(question, task)
        return values

    def spoil(self, task: Task) -> dict[str, Any]:
        """Return values with a mistake that must be refused."""
        values = self.answer(task)
        values[task["questions"][0]["name"]] = {"nonsense": True}
        return values

    def _value(self, question: Mapping[str, Any], task: Task) -> Any:
        if question["per"] == "candidate":
            return {
                candidate["key"]: self._one(question, task, _text(candidate))
                for candidate in task["candidates"]
            }
        return self._one(question, task, _prompt(task))

    def _one(self, question: Mapping[str, Any], task: Task, text: str) -> Any:
        kind = question["type"]
        make = getattr(self, f"_{kind}")
        return make(question, task, f"{question['name']}:{text}")

    def _is_noisy(self) -> bool:
        return self._random.random() < self._noise

    def _ranked(self, task: Task) -> list[str]:
        """Return candidate keys best first, as this annotator sees it."""
        scores = {
            candidate["key"]: self._random.random() if self._is_noisy() else worth(_text(candidate))
            for candidate in task["candidates"]
        }
        return sorted(scores, key=lambda key: -scores[key])

    def _preference(self, question: Mapping[str, Any], task: Task, text: str) -> Any:
        keys = self._ranked(task)
        if len(keys) < 2:
            return {"better": keys[0], "strength": 1} if keys else {"better": "tie"}
        gap = abs(self._score(task, keys[0]) - self._score(task, keys[-1]))
        if gap < 0.03 and question.get("tie", True):
            return {"better": "tie"}
        steps = question.get("steps", 3)
        return {"better": keys[0], "strength": min(steps, 1 + int(gap * steps))}

    def _score(self, task: Task, key: str) -> float:
        return next(worth(_text(c)) for c in task["candidates"] if c["key"] == key)

    def _ranking(self, question: Mapping[str, Any], task: Task, text: str) -> Any:
        return [[key] for key in self._ranked(task)]

    def _rating(self, question: Mapping[str, Any], task: Task, text: str) -> int:
        low, high = question.get("min", 1), question.get("max", 5)
        share = self._random.random() if self._is_noisy() else worth(text)
        return int(min(high, low + int(share * (high - low + 1))))

    def _label(self, question: Mapping[str, Any], task: Task, text: str) -> str:
        return self._choose(question["options"], text)

    def _choose(self, options: Sequence[Mapping[str, Any]], text: str) -> str:
        share = self._random.random() if self._is_noisy() else worth(text)
        return str(options[int(share * len(options)) % len(options)]["value"])

    def _labels(self, question: Mapping[str, Any], task: Task, text: str) -> list[str]:
        return [self._choose(question["options"], text)]

    def _text(self, question: Mapping[str, Any], task: Task, text: str) -> str:
        return f"Because of {self._random.choice(['tone', 'facts', 'length', 'style'])}."

    def _edit(self, question: Mapping[str, Any], task: Task, text: str) -> dict[str, Any]:
        n_turns = _n_open_turns(task)
        best = self._ranked(task)[0] if task["candidates"] else None
        turns = ["A short and honest answer."] * n_turns
        for candidate in task["candidates"]:
            if candidate["key"] == best:
                turns = [turn["text"] or "(nothing)" for turn in candidate["turns"]]
        if self._is_noisy():
            turns = [turn + " I would add one thing." for turn in turns]
        return {"text": turns[0], "from": best} if n_turns == 1 else {"turns": turns, "from": best}

    def _spans(self, question: Mapping[str, Any], task: Task, text: str) -> list[dict[str, Any]]:
        content = task["item"]["messages"][0]["content"]
        label = self._choose(question["options"], text)
        return [{"on": "message:0", "start": 0, "end": min(len(content), 8), "label": label}]


def _is_shown(question: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    condition = question.get("show_if")
    if not condition:
        return True
    given = values.get(condition["question"])
    if isinstance(given, Mapping):
        given = given.get("better")
    wanted = condition["in"] if "in" in condition else [condition["is"]]
    if isinstance(given, list):
        return any(one in wanted for one in given)
    return given in wanted


def _text(candidate: Mapping[str, Any]) -> str:
    return "\n".join(turn["text"] for turn in candidate["turns"])


def _prompt(task: Task) -> str:
    return "\n".join(message["content"] or "" for message in task["item"]["messages"])


def _n_open_turns(task: Task) -> int:
    if task["candidates"]:
        return len(task["candidates"][0]["turns"])
    n = 0
    for message in task["item"]["messages"]:
        if message["role"] == "assistant":
            n = 0
        elif message["role"] == "user":
            n += 1
    return n
