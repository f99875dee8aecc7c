"""Why: annotators go by a pleasant name that says nothing about them.

Pure: the caller brings the randomness. 62 × 64 × 90 names: a workspace of thousands
seldom draws one twice; the database refuses the double and one draws again.
"""

from __future__ import annotations

from typing import Protocol

_TONES = (
    "amber azure birch brass bright bronze calm cedar cherry clear clever clover cobalt copper "
    "coral cosmic crisp daring dawn deep eager early ember fair fern flint gentle ginger golden "
    "granite happy hazel honest indigo ivory jade jolly keen kind lilac lively lucky lunar maple "
    "merry mild misty noble nimble olive opal pearl plucky quick quiet rapid rosy ruby sage "
    "silver solar steady"
)
_ANIMALS = (
    "alpaca badger beaver bee bison bluebird bunting cat chough crane cricket curlew deer dolphin "
    "dove duck egret eider falcon ferret finch fox gannet gecko gibbon goldfinch hare heron hoopoe "
    "ibex ibis jackdaw jay kestrel kingfisher kiwi koala lark lemur linnet lynx magpie marmot "
    "marten mole newt oriole osprey otter owl panda partridge penguin pika plover puffin quail "
    "raven robin seal sparrow starling swallow swift"
)
TONES, ANIMALS = _TONES.split(), _ANIMALS.split()
FIRST_NUMBER, LAST_NUMBER = 10, 99


class Random(Protocol):
    """The part of `random.Random` this needs."""

    def randrange(self, start: int, stop: int, /) -> int: ...


def draw_pseudonym(rng: Random) -> str:
    """Return a name such as `amber-otter-17`."""
    tone = TONES[rng.randrange(0, len(TONES))]
    animal = ANIMALS[rng.randrange(0, len(ANIMALS))]
    return f"{tone}-{animal}-{rng.randrange(FIRST_NUMBER, LAST_NUMBER + 1)}"
