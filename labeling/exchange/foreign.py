"""Why: the shapes of known foreign files with one JSON value per item.

Pure. Each function turns one parsed record into items, or raises BadValue naming the
foreign field. Ids get the format's name in front, because many of these files count
from 0 and would otherwise shadow each other in one project. Licence and source stay
empty: a file's shape does not prove where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labeling.exchange import checks
from labeling.exchange.checks import BadValue
from labeling.exchange.items import build_item
from labeling.exchange.rows import ItemRow, Judgment

PANDALM_ANNOTATORS = ("annotator1", "annotator2", "annotator3")
PANDALM_BETTER = {0: "tie", 1: "A", 2: "B"}


def read_fastchat(row: int, record: Any, *, name: str, n_turns: int) -> Iterator[ItemRow]:
    """MT-bench (two turns) and Vicuna (one): every turn is a user's and open.

    `category`, `question_id`, `reference` and whatever else there is go into metadata.
    """
    fields = _fields(record)
    turns = checks.a_list(fields.pop("turns", None), "turns")
    if len(turns) != n_turns:
        raise BadValue("turns", f"has {len(turns)} turns, and {name} has {n_turns}")
    texts = [checks.text(t, f"turns[{n}]") for n, t in enumerate(turns)]
    yield build_item(
        row,
        {
            "id": _id(name, fields.get("question_id"), "question_id"),
            "messages": [{"role": "user", "content": t} for t in texts],
            "metadata": fields,
        },
    )


def read_self_instruct(row: int, record: Any) -> Iterator[ItemRow]:
    """Self-Instruct, seed and user-oriented: the instruction and its first instance's input.

    The expected output becomes `metadata.reference`; other instances are only counted
    (`metadata.n_instances`).
    """
    fields = _fields(record)
    instances = checks.a_list(fields.pop("instances", None), "instances")
    first = checks.an_object(instances[0], "instances[0]") if instances else {}
    prompt = _joined(fields.pop("instruction", None), first.get("input"), "instances[0].input")
    metadata = fields | {"n_instances": len(instances)}
    if first.get("output"):
        metadata["reference"] = first["output"]
    yield build_item(row, {"id": metadata.pop("id", None), "prompt": prompt, "metadata": metadata})


def read_ifeval(row: int, record: Any) -> Iterator[ItemRow]:
    """IFEval: the prompt; the key, instruction ids and their arguments go into metadata."""
    fields = _fields(record)
    prompt = checks.text(fields.pop("prompt", None), "prompt")
    checks.a_list(fields.get("instruction_id_list"), "instruction_id_list")
    key = _id("ifeval", fields.get("key"), "key")
    yield build_item(row, {"id": key, "prompt": prompt, "metadata": fields})


def read_prompt_strings(row: int, record: Any) -> Iterator[ItemRow]:
    """Open Assistant's prompt lottery: each record is a JSON string, and that is the prompt."""
    yield build_item(row, {"prompt": checks.text(record, "prompt")})


def read_pandalm(row: int, record: Any) -> Iterator[ItemRow]:
    """PandaLM's test set: two responses, their models from `cmp_key`, three judgments.

    1 and 2 become "A" and "B" with strength 1 (the file knows no strength, and the
    preference shape wants one), 0 a tie. A few responses are the JSON value `true`, where
    a tool took the text "True" for one: they are text again. Empty responses are kept;
    people judged them.
    """
    fields = _fields(record)
    prompt = _joined(fields.pop("instruction", None), fields.pop("input", None), "input")
    policies = checks.text(fields.get("cmp_key"), "cmp_key").split("_")
    if len(policies) != 2:
        raise BadValue("cmp_key", "is not two model names with an underscore between")
    candidates = [
        {"text": _response(fields.pop(key, None), key), "policy": policy}
        for key, policy in zip(("response1", "response2"), policies, strict=True)
    ]
    judgments = [
        Judgment(key, _judged(fields.pop(key), key)) for key in PANDALM_ANNOTATORS if key in fields
    ]
    native = {
        "id": _id("pandalm", fields.get("idx"), "idx"),
        "prompt": prompt,
        "candidates": candidates,
        "metadata": fields,
    }
    yield build_item(row, native, judgments=judgments)


def _response(value: Any, key: str) -> str:
    if isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadValue(key, f"must be text, not {checks.name_of(value)}")
    return checks.stored_text(value, key)


def _judged(value: Any, key: str) -> dict[str, Any]:
    if isinstance(value, bool) or not isinstance(value, int) or value not in PANDALM_BETTER:
        raise BadValue(key, "must be 0 (tie), 1 or 2")
    better = PANDALM_BETTER[value]
    return {"better": better} if better == "tie" else {"better": better, "strength": 1}


def _fields(record: Any) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise BadValue("record", f"must be an object, not {checks.name_of(record)}")
    return dict(record)


def _id(name: str, value: Any, field: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        value = checks.text(value, field)
    return f"{name}-{value}"


def _joined(instruction: Any, given: Any, field: str) -> str:
    """Return the instruction, a blank line and its input; whichever is blank is left out."""
    if not isinstance(instruction, str):
        raise BadValue("instruction", f"must be text, not {checks.name_of(instruction)}")
    if given is None or (isinstance(given, str) and not given.strip()):
        return checks.text(instruction, "instruction")
    added = checks.text(given, field)
    if not instruction.strip():
        return added
    return f"{checks.stored_text(instruction, 'instruction')}\n\n{added}"
