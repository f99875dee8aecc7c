r"""Why: teaches the Markdown parser to leave formulas alone, so that `a_1 * b_1` survives.

`$…$`, `$$…$$`, `\(…\)` and `\[…\]` are kept as they were written, delimiters included:
whoever has no maths renderer still reads the source, and a renderer finds what it knows.
A dollar sign is only a delimiter where money is unlikely: no space inside the opening or
before the closing one, no digit before the opening or after the closing one ("$5 and
$10" stays text). Pure.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# Bounds keep unclosed delimiters from costing the square of the text's length.
MAX_INLINE_CHARS = 1_000
MAX_BLOCK_LINES = 100

_CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}


def add_math(md: MarkdownIt) -> None:
    """Add the formulas' rules to a parser; its `escape` rule must still be there."""
    md.inline.ruler.before("escape", "math_inline", _inline)
    md.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    md.add_render_rule("math_inline", _render_inline)
    md.add_render_rule("math_block", _render_block)


def _inline(state: StateInline, silent: bool) -> bool:
    first = state.src[state.pos]
    if first not in "$\\":
        return False
    opener = state.src[state.pos : state.pos + 2]
    end = -1
    if opener in _CLOSERS:
        end = _find_closer(state, _CLOSERS[opener])
    elif first == "$":
        end = _find_dollar(state)
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline", "", 0)
        token.content = state.src[state.pos : end]
        token.markup = opener if opener in _CLOSERS else "$"
    state.pos = end
    return True


def _find_closer(state: StateInline, closer: str) -> int:
    """Find where a formula with a two-character opener ends; -1 where it does not."""
    start = state.pos + 2
    at = state.src.find(closer, start, min(state.posMax, start + MAX_INLINE_CHARS))
    if at < 0 or not state.src[start:at].strip():
        return -1
    return at + 2


def _find_dollar(state: StateInline) -> int:
    src, start = state.src, state.pos + 1
    if start >= state.posMax or src[start].isspace():
        return -1
    if state.pos > 0 and src[state.pos - 1].isdigit():
        return -1
    limit = min(state.posMax, start + MAX_INLINE_CHARS)
    at = start
    while (at := src.find("$", at + 1, limit)) >= 0:
        followed_by_digit = at + 1 < state.posMax and src[at + 1].isdigit()
        if not src[at - 1].isspace() and src[at - 1] != "\\" and not followed_by_digit:
            return at + 1
    return -1


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    begin = state.bMarks[start_line] + state.tShift[start_line]
    opener = state.src[begin : begin + 2]
    if opener not in ("$$", "\\[") or state.is_code_block(start_line):
        return False
    last = _find_last_line(state, start_line, end_line, _CLOSERS[opener])
    if last < 0:
        return False
    if silent:
        return True
    token = state.push("math_block", "", 0)
    token.block = True
    token.content = state.getLines(start_line, last + 1, state.sCount[start_line], False).strip()
    token.map = [start_line, last + 1]
    token.markup = opener
    state.line = last + 1
    return True


def _find_last_line(state: StateBlock, start_line: int, end_line: int, closer: str) -> int:
    """Find the line that the closer ends; a blank line or the end of the block come too late."""
    for line in range(start_line, min(end_line, start_line + MAX_BLOCK_LINES)):
        if line > start_line and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return -1
        begin = state.bMarks[line] + state.tShift[line] + (2 if line == start_line else 0)
        text = state.src[begin : state.eMarks[line]].rstrip()
        at = text.find(closer)
        if at >= 0:
            closes_line = at == len(text) - len(closer)
            is_blank = line == start_line and not text[:at].strip()
            return line if closes_line and not is_blank else -1
    return -1


def _render_inline(renderer: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    token = tokens[idx]
    kind = "display" if token.markup in ("$$", "\\[") else "inline"
    return f'<span class="math {kind}" dir="ltr">{html.escape(token.content, quote=False)}</span>'


def _render_block(renderer: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    content = html.escape(tokens[idx].content, quote=False)
    return f'<div class="math display" dir="ltr" tabindex="0">{content}</div>\n'
