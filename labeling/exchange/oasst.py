"""Why: Open Assistant's message trees, where one record holds many conversations.

Pure. Every prompter node becomes an item: the path from the root to it is the
conversation so far, and its assistant replies are ready-made candidates in the order of
the file (policy None: people wrote them). A deeper node's `parent` is the item of the
prompter node before it on the path; the reply that it continues is the last assistant
message of its conversation (`metadata.continues` holds that reply's id). So the trees of
the shared file, 100 records, are 480 items, 226 of them without any reply.

Messages that were deleted or failed the review (`review_result` is false; null passes)
are dropped with everything below them; a tree whose root is dropped is a bad row.
Ranks, emoji counts and other labels of the replies are in `metadata.candidates`, in the
order of the candidates; those of the prompt itself are in `metadata.labels`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from labeling.exchange import checks
from labeling.exchange.checks import BadValue
from labeling.exchange.items import build_item
from labeling.exchange.rows import BadRow, ItemRow

ROLES = {"prompter": "user", "assistant": "assistant"}
OF_CANDIDATE = ("message_id", "rank", "synthetic", "model_name", "emojis", "labels", "detoxify")
OF_PROMPT = ("synthetic", "model_name", "emojis", "labels", "detoxify")


class _Node(NamedTuple):
    node: Mapping[str, Any]
    before: list[dict[str, str]]  # the conversation above this prompter node
    parent: str | None  # id of the prompter node above
    continues: str | None  # id of the assistant message above
    depth: int


def read_oasst(row: int, record: Any) -> Iterator[ItemRow | BadRow]:
    """Give the items of one tree, parents before children."""
    if not isinstance(record, Mapping) or not isinstance(record.get("prompt"), Mapping):
        raise BadValue("prompt", "must be a message with its replies")
    root = record["prompt"]
    if _is_dropped(root):
        raise BadValue("prompt", "was deleted or failed the review, so the tree has no items")
    tree_id = record.get("message_tree_id")
    waiting = [_Node(root, [], None, None, 0)]
    while waiting:
        at = waiting.pop()
        try:
            item, below = _item_of(row, tree_id, at)
        except BadValue as error:
            yield BadRow(row, f"{at.node.get('message_id', 'prompt')}.{error.field}", error.reason)
            continue
        yield item
        waiting.extend(reversed(below))


def _is_dropped(node: Mapping[str, Any]) -> bool:
    return bool(node.get("deleted")) or node.get("review_result") is False


def _item_of(row: int, tree_id: Any, at: _Node) -> tuple[ItemRow, list[_Node]]:
    _of_role(at.node, "prompter")
    message_id = checks.identifier(at.node.get("message_id"), "message_id")
    messages = [*at.before, _message(at.node)]
    replies = _replies(at.node)
    for reply in replies:
        _of_role(reply, "assistant")
    native = {
        "id": message_id,
        "messages": messages,
        "candidates": [{"text": _message(reply)["content"]} for reply in replies],
        "language": at.node.get("lang"),
        "parent": at.parent,
        "metadata": _metadata(tree_id, at, replies),
    }
    below = [
        _Node(node, [*messages, _message(reply)], message_id, reply.get("message_id"), at.depth + 1)
        for reply in replies
        for node in _replies(reply)
    ]
    return build_item(row, native), below


def _replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = checks.a_list(node.get("replies") or [], "replies")
    if not all(isinstance(reply, Mapping) for reply in replies):
        raise BadValue("replies", "must be messages")
    return [reply for reply in replies if not _is_dropped(reply)]


def _of_role(node: Mapping[str, Any], role: str) -> None:
    if node.get("role") != role:
        raise BadValue("role", f"must be {role} here")


def _message(node: Mapping[str, Any]) -> dict[str, str]:
    return {"role": ROLES[node["role"]], "content": checks.text(node.get("text"), "text")}


def _metadata(tree_id: Any, at: _Node, replies: list[Mapping[str, Any]]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"message_tree_id": tree_id, "depth": at.depth}
    labels = {key: at.node[key] for key in OF_PROMPT if at.node.get(key)}
    if labels:
        metadata["labels"] = labels
    if at.continues is not None:
        metadata["continues"] = at.continues
    if replies:
        metadata["candidates"] = [
            {key: reply[key] for key in OF_CANDIDATE if reply.get(key) is not None}
            for reply in replies
        ]
    return metadata
