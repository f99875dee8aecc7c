"""Why: the guidelines a new project starts with, one per template, in Markdown.

Managers edit them; they are written to be usable unedited. Only texts here. Pure.
"""

from __future__ import annotations

_WHEN_NOT_TO_ANSWER = """\
## When not to answer

- **Skip** what you cannot judge: a language or a subject you do not know well enough
  (*too hard*), a request nobody can make sense of (*unclear*), an empty or garbled text
  (*broken*), something you do not want to read (*off limits*). Skipping is not held against you.
- **Flag** private data of real people, and anything a manager should see.
- **Park** an item you want to sleep on.
"""

_WHAT_MAKES_IT_GOOD = """\
## What makes an answer good

In this order; a point higher up outweighs all below it.

1. **It does what was asked**, all of it, in the language and form that were asked for.
2. **It is true.** Check what you can check in two minutes: calculations, dates, names, whether
   code would run. A confident mistake is worse than an honest “I do not know”.
3. **It does no harm.** It gives no help to hurt people, and does not preach about harmless
   requests either: refusing those is a fault.
4. **It is clear.** Well ordered, no padding, as long as the matter needs. Longer is not better,
   and neither are headings and bold type.

Judge the answer, not the request, and not whether you share its opinion. Do not guess who
or what wrote it; the order in which answers stand means nothing.
"""

DEMONSTRATION = f"""\
# Writing answers

You write what the model should have said. Others learn from every line, so the answer should
be one you would be glad to get yourself.

## How to work

1. Read the whole conversation. What does the person need, and what do they know already?
2. Look at the suggestion, if there is one. When it is nearly right, mend it; when it is not,
   clear it and write your own. Mending a bad answer takes longer than writing a good one.
3. Check facts, calculations and code. What you cannot check, leave out or say that it is
   uncertain.
4. Read it once more as if you had asked.

{_WHAT_MAKES_IT_GOOD}
## Style

- Start with the answer. No “Great question!”, no repeating of the request.
- Plain words, whole sentences; a list only where things are a list.
- Markdown is rendered: code in fences with its language, formulas between dollar signs.
- When a request cannot be met, say so in a sentence and offer the nearest thing that can.

## Examples

> *What is 17 × 24?*

Good: “17 × 24 = 408.” Not good: three paragraphs on multiplication.

> *Write something for my brother's birthday.*

Good: four warm lines that would suit most brothers, and an offer to work in his name or hobby.
Not good: a list of ten questions and no text.

{_WHEN_NOT_TO_ANSWER}"""

PREFERENCE = f"""\
# Which answer is better?

You see a conversation and two answers. Say which one you would rather have got, had you asked.

## How to work

1. Read the request and think what a good answer would have to contain.
2. Read both answers to the end before you decide.
3. Choose, then say how sure the difference is.

{_WHAT_MAKES_IT_GOOD}
## The scale

| strength | meaning |
|---|---|
| 3, much better | nobody who reads both would disagree |
| 2, better | a clear advantage on a point that matters |
| 1, slightly better | you lean to one side, another careful person might not |

- **Tie**: equally good, or so alike that choosing would be tossing a coin. Do use it, but not to
  save reading.
- **Neither**: both fail: untrue in what matters, off the request, or harmful. You may add which
  one was less bad.

## Examples

- One answer is correct and dry, the other friendly with a wrong date in the middle: the correct
  one, *better* or *much better*, depending on how much hangs on the date.
- Both are right; one takes a line, the other a page of repetition: the short one, *slightly
  better* or *better*.
- Both are right and differ only in wording: *tie*.
- The request is harmless and one answer refuses it: the other one, *much better*.

{_WHEN_NOT_TO_ANSWER}"""

RANKING = f"""\
# Order the answers

You see a conversation and several answers. Put them in the order in which you would like to
have got them.

## How to work

1. Read the request and think what a good answer would have to contain.
2. Read all answers before you move any.
3. Find the best and the worst first; then place the others between them, comparing neighbours.
4. Answers that are equally good share a place. Do not invent differences, and do not tie answers
   only because they are alike in length or tone.

{_WHAT_MAKES_IT_GOOD}
## How to use the order

Only the order counts, not the distance: the best of four bad answers still comes first. What you
think of all of them together belongs in the comment.

## Examples

- A is complete and right, B right but without the example that was asked for, C wrong, D wrong
  in the same way: **A, B, then C and D together**.
- A refuses a harmless request, B and C answer it well, in different words: **B and C together,
  then A**.
- A is excellent up to its last sentence, where it breaks off; B is plain and complete: usually
  **B, A**, unless what is missing does not matter.

{_WHEN_NOT_TO_ANSWER}"""

RATING = f"""\
# How good is each answer?

You rate every answer by itself, against what a good answer would be, not against the others.

## How to work

1. Read the request and imagine the answer a patient expert would give.
2. Read one answer, rate it, then go on to the next.
3. When two answers got the same number, that is fine; when all always get the same number,
   look again at the scale.

{_WHAT_MAKES_IT_GOOD}
## The scale

| rating | meaning |
|---|---|
| 5, excellent | nothing you would change |
| 4, good | does its job; small things could be better |
| 3, passable | of use, with a fault the reader will notice |
| 2, bad | misses an important part, or is wrong in something that matters |
| 1, very bad | useless, untrue at its core, or harmful |

Use the whole scale. 3 is not “no opinion”: if you cannot judge it, skip.

## Examples

- A correct explanation that never gives the code that was asked for: **2**.
- Working code with an old-fashioned style and no explanation, where only code was asked for: **4**.
- A friendly, well-made text about the wrong town: **1**.
- A right answer wrapped in two paragraphs of courtesies: **4**, or **3** if one has to search.

{_WHEN_NOT_TO_ANSWER}"""

CLASSIFICATION = f"""\
# What kind of request is it?

You sort conversations. The categories are used to choose and to balance training data, so it
matters more to be consistent than to be subtle.

## How to work

1. Read the whole conversation; the **last** request of the user decides.
2. Ask what the user wants to hold in their hands at the end: a fact, a text, a program, a
   result, or somebody to talk to. That is the category.
3. Mark problems separately: a request can be coding *and* incomplete.

## The categories

| category | the user wants |
|---|---|
| answer to a question | to know something: facts, explanations, comparisons |
| something written | a new text, or one rewritten, translated, summarised |
| code | a program, a correction, an explanation of code |
| maths or reasoning | a calculation, a proof, the solution of a puzzle |
| conversation or advice | company, an opinion, help with a personal decision |
| something else | none of these; say in the comment what |

When two fit, take the one without which the answer would be useless. “Explain this proof”: maths.
“Write a poem about recursion”: writing. “Why does this loop never end?” with code: code.

## Problems

- **Cannot be understood**: even with good will you do not know what is wanted.
- **Something is missing**: “Summarise this text” without the text.
- **Asks for harm**: a sincere wish to hurt somebody; not crime in fiction, not questions about
  safety.
- **Private data**: real people's addresses, numbers, health, not those of public figures in their
  office. Flag these as well.

{_WHEN_NOT_TO_ANSWER}"""

RLHF = f"""\
# Rate, mark and order the answers

You see a conversation and up to four answers. First look at each by itself, then compare.

## How to work

1. Read the request and think what a good answer would have to contain.
2. For each answer: rate it, and mark what is wrong with it.
3. Then order them all, best first; equally good answers share a place.
4. Look at both once more: an answer with a higher rating should not stand below one with a
   lower rating. Answers with the same rating may still differ in place.

{_WHAT_MAKES_IT_GOOD}
## The scale

| rating | meaning |
|---|---|
| 5, excellent | nothing you would change |
| 4, good | does its job; small things could be better |
| 3, passable | of use, with a fault the reader will notice |
| 2, bad | misses an important part, or is wrong in something that matters |
| 1, very bad | useless, untrue at its core, or harmful |

## Problems

- **Untrue**: at least one statement that matters is false, or code that does not work.
- **Not what was asked**: another task, a part left out, a harmless request refused.
- **Harmful**: would help to hurt somebody, or insults.
- **Language**: the wrong language, or so badly written that it is hard to read.

## Examples

- Two good answers (4 and 4), one without the example that was asked for (3, *not what was
  asked*), one with an invented source (1, *untrue*): **the first two together or in order, then
  the third, then the fourth**.
- All four refuse a harmless request: all 1 or 2, *not what was asked*, all in one place.

{_WHEN_NOT_TO_ANSWER}"""
