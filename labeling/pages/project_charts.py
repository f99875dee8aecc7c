"""Why: the two small pictures of a project's page, as plain geometry for SVG templates.

Pure. No script draws them, and each says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of equal width; `top` is what the highest line stands for."""

    bars: tuple[Bar, ...]
    top: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Line:
    """A rising line with the ground below it; `goal_y` is where the goal lies."""

    points: str
    area: str
    end_x: float
    end_y: float
    goal_y: float
    top: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole in one bar."""

    name: str
    title: str
    n: int
    x: float
    width: float


def nice_top(highest: int) -> int:
    """Return the next 1, 2 or 5 times a power of ten: where an axis ends.

    >>> [nice_top(n) for n in (0, 1, 3, 7, 12, 200, 201)]
    [1, 1, 5, 10, 20, 200, 500]
    """
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= highest:
                return step * power
        power *= 10


def minute_bars(per_minute: Sequence[int], labels: Sequence[str]) -> Bars:
    """Return one bar per minute, oldest first; an empty minute has none."""
    top = nice_top(max(per_minute, default=0))
    step = WIDTH / max(1, len(per_minute))
    bars = tuple(
        Bar(
            x=round(i * step + step * 0.12, 2),
            y=round(HEIGHT - HEIGHT * n / top, 2),
            width=round(step * 0.76, 2),
            height=round(HEIGHT * n / top, 2),
            label=labels[i],
        )
        for i, n in enumerate(per_minute)
        if n
    )
    return Bars(bars, top)


def burn_up(counts: Sequence[int], goal: int) -> Line:
    """Return the line of what was answered so far, at equal steps of time, towards a goal."""
    top = max(goal, counts[-1] if counts else 0, 1)
    step = WIDTH / max(1, len(counts) - 1)
    spots = [(round(i * step, 1), _y(n, top)) for i, n in enumerate(counts)] or [(0.0, HEIGHT)]
    points = " ".join(f"{x},{y}" for x, y in spots)
    return Line(
        points=points,
        area=f"0,{HEIGHT} {points} {spots[-1][0]},{HEIGHT}",
        end_x=spots[-1][0],
        end_y=spots[-1][1],
        goal_y=_y(goal, top),
        top=top,
    )


def parts_of(counts: Sequence[tuple[str, str, int]], *, width: float = WIDTH) -> list[Part]:
    """Return (name, title, n) as parts of one bar, side by side; empty ones have no width."""
    whole = sum(n for _, _, n in counts) or 1
    parts, x = [], 0.0
    for name, title, n in counts:
        wide = width * n / whole
        parts.append(Part(name, title, n, round(x, 2), round(wide, 2)))
        x += wide
    return parts


def _y(n: int, top: int) -> float:
    return round(HEIGHT - (HEIGHT - 6) * n / top, 1)
