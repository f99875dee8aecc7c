"""Why: turns a text into safe HTML, once, when the text is stored (DESIGN.md, invariant 9).

Markdown as models write it: CommonMark with tables, strikethrough and formulas; a line
break in the text is a line break on the screen, for judges must see what was written.
HTML in the text is shown, not obeyed. Three walls: the parser escapes HTML and takes only
http, https and mailto links (others stay text); images become links, so that nothing is
loaded; nh3 lets through a short list of tags, attributes and classes, no style among them.

Blocks carry `dir="auto"`, so right-to-left text reads right. Code is
`<div class="code" data-language="…"><pre>…`, highlighted with classes (`pygments_css`
makes their style sheet). Increase RENDERER_VERSION with every change of the output: stored
HTML carries it. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from labeling.rules.markdown_math import add_math

RENDERER_VERSION = 1

MAX_MARKDOWN_CHARS = 60_000  # longer texts are shown as they are; 4,000 words are some 25,000
MAX_HIGHLIGHT_CHARS = 20_000  # of code in one text; what comes after is shown plain
MAX_URL_CHARS = 2_000
MAX_HTML_CHARS = 1_000_000
MAX_DELIMITERS = 4_000  # in one paragraph: more is an attack or no Markdown

CLASS_PREFIX = "hl-"

# Only these, measured on hostile code: a rare lexer may take for ever.
HIGHLIGHTED = frozenset(
    """asm awk bash batch bat c c# c++ clojure cmake console cpp cs csharp css cuda dart diff
    docker dockerfile elixir erlang f# fortran fsharp go golang graphql groovy haskell hs html
    ini java javascript js json jsx julia kotlin latex lisp lua make makefile matlab
    nasm nginx nim objective-c objc ocaml octave perl php postgresql powershell prolog
    protobuf ps1 py py3 pycon python python3 r rb rs ruby rust scala scheme scss sh shell
    solidity sql swift terraform tex toml ts tsx typescript vb.net verilog vhdl vue
    xml yaml yml zig zsh""".split()  # noqa: SIM905
)

_URL = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z0-9+#._-]{1,32}\Z")
# Lexers that need the square of a line's length or of a run of white space (many), or the cube
# of a run of words (Java's, C#'s): hostile code took them a minute, with these bounds a second.
_STRAINING = re.compile(r"[^\n]{400}|\s{100}|(?:[\w.\[\]$<>?]++\s++){40}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DELIMITERS = re.compile(r"[*_~\[\]`!<$\\&]")
_ALIGNMENTS = {
    "text-align:left": "align-left",
    "text-align:center": "align-center",
    "text-align:right": "align-right",
}
_DIRECTED = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "th", "td"}
)


def render_markdown(text: str) -> str:
    """Render a text from outside as HTML that may be put into a page as it is.

    Fast enough for an import (some milliseconds for 1,000 words), bounded for hostile
    texts: what is too long or too dense is shown as it was written.
    """
    text = _SURROGATES.sub("\ufffd", text)
    if len(text) > MAX_MARKDOWN_CHARS or _is_too_dense(text):
        return _as_written(text)
    try:
        rendered = _parser().render(text, {"room": MAX_HIGHLIGHT_CHARS})
    except RecursionError:
        return _as_written(text)
    if len(rendered) > MAX_HTML_CHARS:
        return _as_written(text)
    return _cleaner().clean(rendered)


def _is_too_dense(text: str) -> bool:
    """Tell whether some paragraph has so many delimiters that parsing it could take seconds."""
    if len(text) <= MAX_DELIMITERS:
        return False
    return any(
        len(block) > MAX_DELIMITERS and len(_DELIMITERS.findall(block)) > MAX_DELIMITERS
        for block in text.split("\n\n")
    )


def _as_written(text: str) -> str:
    return _cleaner().clean(
        f'<pre class="plain" dir="auto" tabindex="0">\n{html.escape(text, quote=False)}</pre>\n'
    )


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "breaks": True, "xhtmlOut": False})
    md.enable(["table", "strikethrough"])
    add_math(md)
    md.validateLink = _is_link  # type: ignore[method-assign]
    md.core.ruler.push("images_as_links", _turn_images_into_links)
    md.core.ruler.push("directions", _mark_directions)
    md.add_render_rule("fence", _render_code)
    md.add_render_rule("code_block", _render_code)
    md.add_render_rule("table_open", _render_table_open)
    md.add_render_rule("table_close", _render_table_close)
    return md


def _is_link(url: str) -> bool:
    """Take absolute web and mail addresses only.

    Relative ones would lead into Quorum itself, and long ones would be repeated for every
    use of their reference.
    """
    return len(url) <= MAX_URL_CHARS and _URL.match(url) is not None


def _turn_images_into_links(state: StateCore) -> None:
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = _without_images(block.children)


def _without_images(children: list[Token]) -> list[Token]:
    found: list[Token] = []
    depth = 0
    for token in children:
        if token.type == "link_open":
            depth += 1
        elif token.type == "link_close":
            depth -= 1
        if token.type != "image":
            found.append(token)
            continue
        words = Token("text", "", 0, content=_plain(token.children or []) or "image")
        if depth:
            found.append(words)
        else:
            opening = Token("link_open", "a", 1)
            opening.attrs = {"href": token.attrs.get("src", ""), "class": "image"}
            found += [opening, words, Token("link_close", "a", -1)]
    return found


def _plain(tokens: Sequence[Token]) -> str:
    """Gather the words of an image's description."""
    return "".join(_plain(t.children) if t.children else t.content for t in tokens)


def _mark_directions(state: StateCore) -> None:
    for token in state.tokens:
        if token.nesting == 1 and token.tag in _DIRECTED:
            token.attrs["dir"] = "auto"
            style = str(token.attrs.pop("style", ""))
            if style in _ALIGNMENTS:
                token.attrs["class"] = _ALIGNMENTS[style]
        for child in token.children or ():
            child.attrs.pop("title", None)


def _render_table_open(*_: Any) -> str:
    return '<div class="table" tabindex="0"><table>\n'


def _render_table_close(*_: Any) -> str:
    return "</table></div>\n"


def _render_code(renderer: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    token = tokens[idx]
    language = (token.info.split() or [""])[0]
    label = f' data-language="{language}"' if _LANGUAGE.match(language) else ""
    code = _highlight(token.content, language.lower(), env)
    return f'<div class="code" dir="ltr"{label}><pre tabindex="0"><code>{code}</code></pre></div>\n'


def _highlight(code: str, language: str, env: dict[str, Any]) -> str:
    lexer_class = _lexer_class(language) if language in HIGHLIGHTED else None
    if lexer_class is None or len(code) > env["room"] or _STRAINING.search(code):
        return html.escape(code, quote=False)
    env["room"] -= len(code)
    lexer = lexer_class(stripnl=False, ensurenl=False)
    return str(highlight(code, lexer, _formatter()))


@lru_cache(maxsize=len(HIGHLIGHTED))
def _lexer_class(language: str) -> Callable[..., Lexer] | None:
    try:
        found: Callable[..., Lexer] = find_lexer_class_by_name(language)
    except ClassNotFound:
        return None
    return found


@lru_cache(maxsize=1)
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True, classprefix=CLASS_PREFIX)


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    """Build the sanitiser: what is not named here does not get through."""
    direction: dict[str, dict[str, set[str]]] = {tag: {"dir": {"auto"}} for tag in _DIRECTED}
    highlighted = {CLASS_PREFIX + name for name in STANDARD_TYPES.values() if name}
    cells = set(_ALIGNMENTS.values())
    return nh3.Cleaner(
        tags=_DIRECTED
        | {"a", "br", "hr", "em", "strong", "s", "code", "pre", "div", "span"}
        | {"table", "thead", "tbody", "tr"},
        clean_content_tags={"script", "style"},
        attributes={"a": {"href"}, "ol": {"start"}, "div": {"data-language"}},
        tag_attribute_values=direction
        | {
            "div": {"dir": {"ltr"}, "tabindex": {"0"}},
            "span": {"dir": {"ltr"}},
            "pre": {"dir": {"auto"}, "tabindex": {"0"}},
        },
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        allowed_classes={
            "a": {"image"},
            "div": {"code", "table", "math", "display"},
            "span": highlighted | {"math", "inline", "display"},
            "pre": {"plain"},
            "th": cells,
            "td": cells,
        },
    )


def pygments_css(light_style: str = "default", dark_style: str = "github-dark") -> str:
    """Write the style sheet of highlighted code for a light and a dark page.

    Dark follows the system unless the root element says `data-theme="light"`, and always
    with `data-theme="dark"`.

    Raises: pygments.util.ClassNotFound for an unknown style.
    """
    light = _rules(light_style, ".code")
    by_system = _rules(dark_style, ':root:not([data-theme="light"]) .code')
    by_choice = _rules(dark_style, ':root[data-theme="dark"] .code')
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{by_system}\n}}\n{by_choice}\n"


def _rules(style: str, scope: str) -> str:
    formatter = HtmlFormatter(style=style, classprefix=CLASS_PREFIX, nobackground=True)
    lines: list[str] = formatter.get_token_style_defs(scope)
    return "\n".join(lines)
