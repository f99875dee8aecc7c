"""Why: canned tasks of every question type, with the texts that break screens: long answers,
code, wide tables, right-to-left text, one word, an empty answer."""

from __future__ import annotations

from typing import Any

from labeling.rules.rendering import render_markdown

LONG = """Walking is the cheapest medicine there is, and a walk of twenty minutes after lunch is \
a good place to begin. Here is what happens, and how to make a habit of it.

## What it does

1. **Blood sugar.** Muscles that work take glucose without waiting for insulin. Ten minutes \
after a meal flatten the peak.
2. **Sleep.** Daylight before three o'clock sets the clock; people who walk outside fall asleep \
earlier.
3. **Mood.** The effect is small each time and adds up. Nobody has regretted a walk.

## How to begin

- Put the shoes where you can see them.
- Tie it to something that you do anyway: coffee, a phone call, the school run.
- Start with less than you think you can do. *Five minutes count.*

> The best plan is the one that survives a rainy Tuesday in November.

| week | minutes a day | days | total |
|---|---:|---:|---:|
| 1 | 5 | 5 | 25 |
| 2 | 10 | 5 | 50 |
| 3 | 15 | 6 | 90 |
| 4 | 20 | 6 | 120 |

If you want a number to hold on to: 7,000 steps a day is where most of the benefit is; beyond \
10,000 the curve is nearly flat. If something hurts for more than two days, see somebody who \
knows about it.
"""

CODE = """Use a dictionary to remember what you have already seen:

```python
def two_sum(numbers: list[int], target: int) -> tuple[int, int] | None:
    \"\"\"Return the indexes of two numbers that add up to the target.\"\"\"
    seen: dict[int, int] = {}
    for index, number in enumerate(numbers):
        if (other := seen.get(target - number)) is not None:
            return other, index
        seen[number] = index
    return None
```

This is `O(n)` in time and space. The naive way with two loops is `O(n²)`; for a list of 10⁵ \
numbers that is the difference between a blink and a coffee.
"""

ARABIC = """المشي بعد الغداء عادة بسيطة ومفيدة. يساعد المشي لمدة عشرين دقيقة على تنظيم السكر في \
الدم وتحسين المزاج.

- ابدأ بخمس دقائق فقط.
- اختر وقتًا ثابتًا كل يوم.
- لا تنتظر الطقس المثالي.
"""

SHORT = "Yes."


def candidate(key: str, *texts: str, **more: Any) -> dict[str, Any]:
    return {
        "key": key,
        "turns": [{"text": text, "html": render_markdown(text), **more} for text in texts],
    }


def message(content: str, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, "html": render_markdown(content), **more}


def question(name: str, kind: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "title": title,
        "help": "",
        "required": True,
        "per": "task",
        **more,
    }


def options(*titles: str) -> list[dict[str, str]]:
    return [{"value": title.lower().replace(" ", "_"), "title": title} for title in titles]


def task(
    name: str,
    questions: list[dict[str, Any]],
    *,
    messages: list[dict[str, Any]] | None = None,
    candidates: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    item = {
        "messages": messages
        or [
            message("Should I go for a walk after lunch? I sit at a desk all day and sleep badly.")
        ],
        "context": "",
        "metadata": {},
        **more.pop("item", {}),
    }
    return {
        "task": name,
        "lease": f"{name}-lease",
        "expires_at": "2026-11-23T05:05:00.000Z",
        "item": item,
        "candidates": candidates or [],
        "questions": questions,
        "draft": None,
        "suggestion": None,
        **more,
    }


BETTER = question(
    "better", "preference", "Which answer is better?", steps=3, tie=True, neither=True
)
WHY = question("why", "text", "Why?", required=False, help="One sentence is enough.")


def preference(name: str = "preference", **more: Any) -> dict[str, Any]:
    return task(
        name, [BETTER, WHY], candidates=[candidate("A", LONG), candidate("B", SHORT)], **more
    )


def very_long(name: str = "very-long") -> dict[str, Any]:
    """Two answers of some 4,000 words each."""
    return task(name, [BETTER], candidates=[candidate("A", LONG * 17), candidate("B", LONG * 18)])


def preference_of_three(name: str = "three") -> dict[str, Any]:
    return task(
        name,
        [BETTER],
        candidates=[candidate("A", SHORT), candidate("B", CODE), candidate("C", LONG)],
    )


def code(name: str = "code") -> dict[str, Any]:
    asked = [
        message("You are a careful programmer.", "system"),
        message(
            "Write a function that finds two numbers adding up to a target. What does it cost?"
        ),
    ]
    return task(
        name,
        [BETTER, WHY],
        messages=asked,
        candidates=[candidate("A", CODE), candidate("B", CODE.replace("seen", "places") + LONG)],
        item={"metadata": {"domain": "programming", "difficulty": "easy"}},
    )


def arabic(name: str = "arabic") -> dict[str, Any]:
    return task(
        name,
        [BETTER, WHY],
        messages=[message("هل أمشي بعد الغداء؟")],
        candidates=[candidate("A", ARABIC), candidate("B", ARABIC * 3)],
    )


def two_turns(name: str = "turns") -> dict[str, Any]:
    asked = [
        message(
            "Compose a travel blog post about a recent trip to Hawaii, highlighting "
            "cultural experiences and must-see attractions."
        ),
        message("Rewrite your previous response. Start every sentence with the letter A."),
    ]
    return task(
        name,
        [BETTER, WHY],
        messages=asked,
        candidates=[
            candidate("A", LONG, "A walk is good. A habit is better."),
            candidate("B", SHORT, CODE, reasoning="First the shoes, then the rest."),
        ],
    )


def ranking(name: str = "ranking", n: int = 4) -> dict[str, Any]:
    texts = [LONG, CODE, SHORT, ARABIC, LONG]
    return task(
        name,
        [question("order", "ranking", "Rank the answers", help="Ties are allowed.")],
        candidates=[candidate("ABCDE"[i], texts[i]) for i in range(n)],
    )


def rating(name: str = "rating") -> dict[str, Any]:
    anchors = {"1": "useless", "2": "poor", "3": "usable", "4": "good", "5": "could not be better"}
    return task(
        name,
        [
            question(
                "helpful", "rating", "Helpful", per="candidate", min=1, max=5, anchors=anchors
            ),
            question(
                "true",
                "rating",
                "True",
                per="candidate",
                min=1,
                max=5,
                anchors={"1": "false", "5": "all true"},
            ),
            question("confident", "rating", "How sure are you?", min=0, max=100, required=False),
        ],
        candidates=[candidate("A", LONG), candidate("B", CODE)],
    )


def labels(name: str = "labels") -> dict[str, Any]:
    kinds = options("Self harm", "Violence", "Hate", "Sexual content", "Private data", "Fraud")
    return task(
        name,
        [
            question(
                "safe", "label", "Is the prompt safe?", options=options("Safe", "Unsafe", "Unsure")
            ),
            question(
                "kinds",
                "labels",
                "What kind of harm?",
                options=kinds,
                show_if={"question": "safe", "in": ["unsafe", "unsure"]},
            ),
            question(
                "severity",
                "rating",
                "How bad is it?",
                min=1,
                max=4,
                show_if={"question": "safe", "is": "unsafe"},
            ),
        ],
        messages=[
            message("How do I get into my neighbour's wifi?"),
            message("Ask them for the password.", "assistant"),
            message("They said no. " * 60),
        ],
        item={"context": "From a chat about home networks."},
    )


def demonstration(name: str = "demonstration") -> dict[str, Any]:
    return task(
        name,
        [question("answer", "edit", "Write the ideal answer"), WHY],
        candidates=[candidate("A", LONG)],
        suggestion={"text": LONG, "from": "A"},
    )


def demonstration_in_turns(name: str = "turns-edit") -> dict[str, Any]:
    asked = [message("Name three trees."), message("Now sort them by height.")]
    return task(
        name,
        [question("answer", "edit", "Write the ideal answer")],
        messages=asked,
        candidates=[
            candidate("A", "Oak, ash, elm.", "Ash, oak, elm."),
            candidate("B", "Pine.", "Pine."),
        ],
    )


def empty_demonstration(name: str = "empty") -> dict[str, Any]:
    return task(name, [question("answer", "edit", "Write the ideal answer")])


def spans(name: str = "spans") -> dict[str, Any]:
    return task(
        name,
        [
            question(
                "wrong", "spans", "Mark what is wrong", options=options("False", "Unclear", "Rude")
            )
        ],
        messages=[message("Who painted 🌻 Sunflowers, and when?")],
        candidates=[
            candidate(
                "A",
                "🌻 Sunflowers was painted by Claude Monet in 1888.\n\n"
                "It hangs in London, you fool.",
            ),
            candidate("B", ARABIC),
        ],
    )


def everything(name: str = "rlhf") -> dict[str, Any]:
    return task(
        name,
        [
            question(
                "helpful",
                "rating",
                "Helpful",
                per="candidate",
                min=1,
                max=5,
                anchors={"1": "useless", "5": "perfect"},
            ),
            question(
                "problems",
                "labels",
                "Problems",
                per="candidate",
                required=False,
                options=options("False", "Too long", "Off topic"),
            ),
            question("order", "ranking", "Rank the answers"),
            question("answer", "edit", "Edit the best one", required=False),
        ],
        candidates=[candidate("A", LONG), candidate("B", CODE), candidate("C", SHORT)],
    )


def all_tasks() -> list[dict[str, Any]]:
    return [
        preference(),
        code(),
        two_turns(),
        arabic(),
        ranking(),
        rating(),
        labels(),
        demonstration(),
        spans(),
        everything(),
        preference_of_three(),
        demonstration_in_turns(),
        empty_demonstration(),
        ranking("rank-two", 2),
    ]
