"""Rendering: what models write reads well, what attackers write does nothing."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.rules import rendering
from labeling.rules.rendering import (
    HIGHLIGHTED,
    MAX_MARKDOWN_CHARS,
    RENDERER_VERSION,
    pygments_css,
    render_markdown,
)

SAFE_LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


class Elements(HTMLParser):
    """Gathers every tag and attribute of a piece of HTML, and whether the tags are balanced."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


TAGS = set(
    re.findall(
        r"\S+",
        "p h1 h2 h3 h4 h5 h6 ul ol li blockquote th td a br hr em strong s code pre div span "
        "table thead tbody tr",
    )
)
ATTRIBUTES = {"href", "target", "rel", "class", "dir", "tabindex", "start", "data-language"}


def assert_safe(markup: str) -> None:
    elements = Elements(markup)
    assert elements.open == []
    for tag, attributes in elements.found:
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES
        if tag == "a":
            assert re.match(r"(?i)https?://|mailto:", attributes["href"] or "")
            assert attributes["target"] == "_blank"
            assert attributes["rel"] == "noopener noreferrer nofollow"


def test_markdown_becomes_html() -> None:
    assert render_markdown("# Hi *there*\n\nA **b** `c<d` ~~e~~") == (
        '<h1 dir="auto">Hi <em>there</em></h1>\n'
        '<p dir="auto">A <strong>b</strong> <code>c&lt;d</code> <s>e</s></p>\n'
    )


def test_line_break_stays_a_line_break() -> None:
    assert render_markdown("one\ntwo") == '<p dir="auto">one<br>\ntwo</p>\n'


def test_empty_text_renders_to_nothing() -> None:
    assert render_markdown("") == ""


def test_html_is_shown_and_not_obeyed() -> None:
    assert render_markdown("a <b>c</b> &lt; &amp;") == (
        '<p dir="auto">a &lt;b&gt;c&lt;/b&gt; &lt; &amp;</p>\n'
    )


def test_blocks_find_their_own_direction() -> None:
    markup = render_markdown("> שלום\n\n1. واحد\n\n|א|\n|-|\n|ב|")
    for tag in ("blockquote", "p", "ol", "li", "th", "td"):
        assert f'<{tag} dir="auto"' in markup


def test_table_scrolls_and_aligns_without_styles() -> None:
    markup = render_markdown("|a|b|\n|:-:|--:|\n|1|2|")
    assert markup.startswith('<div class="table" tabindex="0"><table>')
    assert '<th dir="auto" class="align-center">a</th>' in markup
    assert '<td dir="auto" class="align-right">2</td>' in markup
    assert "style" not in markup


def test_list_keeps_its_first_number() -> None:
    assert '<ol start="7" dir="auto">' in render_markdown("7. seven\n8. eight")


# --- code ----------------------------------------------------------------------------------


def test_code_is_highlighted_with_classes() -> None:
    markup = render_markdown('```python\ndef f(): return "<"\n```')
    assert markup.startswith(
        '<div class="code" dir="ltr" data-language="python"><pre tabindex="0"><code>'
        '<span class="hl-k">def</span>'
    )
    assert '<span class="hl-s2">"&lt;"</span>' in markup


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize("language", [*sorted(HIGHLIGHTED), "", "klingon", "Python", "PY"])
def test_code_is_shown_to_the_last_character(language: str) -> None:
    code = "\n\n  x = {'a': \"<b>&amp;\"}  # ünï 👋\n\treturn $x;\n\n"
    assert text_of(render_markdown(f"```{language}\n{code}```")).rstrip("\n") == code.rstrip("\n")


def test_every_highlighted_language_has_a_lexer() -> None:
    assert [name for name in HIGHLIGHTED if rendering._lexer_class(name) is None] == []


@pytest.mark.parametrize("info", ['x" onclick="alert(1)', "<script>", "a" * 40, "&quot;"])
def test_language_that_is_no_word_is_not_shown(info: str) -> None:
    markup = render_markdown(f"```{info}\ncode\n```")
    assert_safe(markup)
    assert "data-language" not in markup


def test_much_code_is_shown_plain() -> None:
    block = "```python\n" + "x = 1\n" * 3_000 + "```\n\n"
    markup = render_markdown(block * 2)
    first, second = markup.split("<pre", 2)[1:]
    assert "hl-" in first
    assert "hl-" not in second


# --- formulas ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("$a_1 * b_1$", "inline"),
        (r"$\frac{a}{b}$", "inline"),
        (r"\(a_1 * b_1\)", "inline"),
        ("$$a_1 * b_1$$ here", "display"),
        (r"so \[a_1 * b_1\]", "display"),
        ("$x$", "inline"),
    ],
)
def test_formula_in_a_line_is_kept_as_written(text: str, kind: str) -> None:
    formula = text.removeprefix("so ").removesuffix(" here")
    assert f'<span class="math {kind}" dir="ltr">{formula}</span>' in render_markdown(text)


@pytest.mark.parametrize(
    "formula",
    [
        "$$\na_1 * b_1\n$$",
        "$$a_1 * b_1$$",
        "\\[\na_1 * b_1\n\\]",
        "\\[ a_1 * b_1 \\]",
        "$$a\n* b$$",
    ],
)
@pytest.mark.parametrize("before", ["", "Therefore:\n", "- item\n\n  ", "> "])
def test_formula_in_lines_of_its_own_is_kept_as_written(formula: str, before: str) -> None:
    inside = formula.replace("\n", "\n> ") if before == "> " else formula
    if before.startswith("-"):
        inside = formula.replace("\n", "\n  ")
    markup = render_markdown(before + inside)
    assert f'<div class="math display" dir="ltr" tabindex="0">{formula}</div>' in markup


@pytest.mark.parametrize(
    "text",
    [
        "from $5 and $10 on",
        "$5-$10 a month, or $20",
        "US$3 or A$4",
        "$ 5 and 6 $",
        r"\$x\$",
        "`$x$`",
        "$",
        "$$",
        "$$ $$",
        r"\(\)",
        r"\( open",
        "a $x",
        "$$\n\nx\n$$",
    ],
)
def test_money_and_loose_signs_are_no_formulas(text: str) -> None:
    assert "math" not in render_markdown(text)


def test_formula_is_escaped() -> None:
    assert "&lt;script&gt;" in render_markdown("$<script>$")
    assert_safe(render_markdown("$$\n</div><script>alert(1)</script>\n$$"))


# --- links and images ------------------------------------------------------------------------


def test_link_opens_elsewhere_and_tells_nothing() -> None:
    assert render_markdown('[a](https://b.c/?d=1&e "title")') == (
        f'<p dir="auto"><a href="https://b.c/?d=1&amp;e" {SAFE_LINK}>a</a></p>\n'
    )
    assert f'<a href="mailto:a@b.c" {SAFE_LINK}>' in render_markdown("<a@b.c>")


@pytest.mark.parametrize("target", ["/logout", "../x", "//evil.example", "#top", "?a", "x"])
def test_relative_link_stays_text(target: str) -> None:
    assert render_markdown(f"[a]({target})") == f'<p dir="auto">[a]({target})</p>\n'


def test_image_becomes_a_link_and_is_not_loaded() -> None:
    assert render_markdown('![a *cat*](https://b.c/d.png "t")') == (
        f'<p dir="auto"><a href="https://b.c/d.png" class="image" {SAFE_LINK}>a cat</a></p>\n'
    )
    assert ">image</a>" in render_markdown("![](https://b.c/d.png)")


def test_image_in_a_link_becomes_its_words() -> None:
    assert render_markdown("[![cat](https://b.c/d.png)](https://e.f)") == (
        f'<p dir="auto"><a href="https://e.f" {SAFE_LINK}>cat</a></p>\n'
    )


# --- attacks ---------------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></p><script>alert(1)</script>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<style>body{display:none}</style>",
    "<div style='position:fixed'>x</div>",
    "<form action=/logout><button>x</button></form>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- --><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<base href='//evil.example'>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#x01;javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](data:image/png;base64,AAAA)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](https://b.c)',
    '![x](https://b.c"onerror="alert(1))',
    "[x](https://b.c/'onmouseover='alert(1))",
    '[x](https://b.c "onclick=alert(1)")',
    "<javascript:alert(1)>",
    '<https://b.c/"onclick="alert(1)>',
    "[a]: javascript:alert(1)\n\n[a]",
    "[a]: https://b.c \"x'onclick='y\"\n\n[a]",
    "[x](file:///etc/passwd)",
    "```html\n<script>alert(1)</script>\n```",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "    </code></pre><script>alert(1)</script>",
    "`</code><script>alert(1)</script>`",
    "# <script>alert(1)</script>",
    "|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "> <script>\n> alert(1)\n> </script>",
    "[<script>alert(1)</script>](https://b.c)",
    "[![x](https://b.c)](javascript:alert(1))",
    "**<b onclick=alert(1)>x**",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u202e<script>alert(1)</script>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "half \ud83d <script>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_does_nothing(attack: str) -> None:
    for text in (attack, f"- {attack}", f"a **{attack}** b", f"$${attack}$$", f"\\({attack}\\)"):
        assert_safe(render_markdown(text))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_in_a_text_that_is_too_long_does_nothing(attack: str) -> None:
    assert_safe(render_markdown(attack + "x" * MAX_MARKDOWN_CHARS))


PIECES = st.lists(
    st.sampled_from([*ATTACKS, "\n", "\n\n", " ", "*", "**", "`", "```\n", "> ", "- ", "|", "$"])
    | st.text(max_size=6),
    max_size=8,
).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=PIECES)
def test_any_text_renders_safely_and_sanitising_again_changes_nothing(text: str) -> None:
    markup = render_markdown(text)
    assert_safe(markup)
    assert rendering._cleaner().clean(markup) == markup
    assert render_markdown(text) == markup


# --- bounds ----------------------------------------------------------------------------------

N = MAX_MARKDOWN_CHARS
HOSTILE = {
    "megabyte": "x *y* " * 170_000,
    "brackets": "[" * N,
    "image brackets": "![" * (N // 2),
    "links": "[a](b" * (N // 5),
    "quotes": ">" * N,
    "nested lists": "".join("  " * i + "- a\n" for i in range(240)),
    "emphasis": "*a **b " * (N // 7),
    "stars": "*a" * (N // 4) + "*" * (N // 2),
    "backticks": "".join("`" * i + " " for i in range(1, 340)),
    "dollars": "$a" * (N // 2),
    "open formulas": "\\(" * (N // 2),
    "open blocks": "$$a\n" * (N // 4),
    "references": "[a]: http://x/" + "y" * 1_900 + "\n\n" + "[a] " * (N // 5),
    "wide table": "|" + "a|" * 2_000 + "\n|" + "-|" * 2_000 + "\n" + "|x|\n" * 9_000,
    "headings": "#\n" * (N // 2),
    "java words": "```java\n" + "a " * 9_000 + "\n```",
    "blank lines": "```cpp\n" + "\n " * 9_000 + "\n```",
    "c# words": "```c#\n" + "a\n\n" * 6_000 + "```",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_bounded(name: str) -> None:
    began = time.process_time()
    markup = render_markdown(HOSTILE[name])
    assert time.process_time() - began < 3, "seconds instead of minutes"
    assert len(markup) < 3_000_000


def test_text_that_is_too_long_is_shown_as_written() -> None:
    text = "\n# not a *heading* <b>\n" + "x" * N
    markup = render_markdown(text)
    assert markup.startswith('<pre class="plain" dir="auto" tabindex="0">')
    assert text_of(markup).removesuffix("\n").lstrip("\n") == text.lstrip("\n")


def test_long_answer_renders_quickly() -> None:
    paragraph = "Some words with **bold**, `code`, [links](https://a.b) and $x^2$ in it. " * 8
    code = "```python\n" + "def f(x):\n    return [y for y in x if y > 3]  # c\n" * 10 + "```"
    answer = "\n\n".join(f"## Part {i}\n\n{paragraph}\n\n- a\n- b\n\n{code}" for i in range(19))
    assert len(answer.split()) > 4_000
    render_markdown(answer)
    best = min(timed(answer) for _ in range(3))
    assert best < 0.25, "about 50 ms on an idle machine"


def timed(text: str) -> float:
    began = time.process_time()
    render_markdown(text)
    return time.process_time() - began


# --- style sheet -----------------------------------------------------------------------------


def test_style_sheet_has_both_schemes_and_our_class_names() -> None:
    css = pygments_css("default", "monokai")
    assert ".code .hl-k {" in css
    assert "@media (prefers-color-scheme: dark)" in css
    assert ':root[data-theme="dark"] .code .hl-k {' in css
    assert css.count("{") == css.count("}")


def test_renderer_has_a_version() -> None:
    assert RENDERER_VERSION >= 1
