"""Why: who agrees with whom: the heatmap, and the first sign of who is in trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from labeling.agreement.distances import Distance, nominal
from labeling.agreement.kappa import kappa_of_table
from labeling.agreement.ratings import Rating, pairable

T = TypeVar("T")

Grid = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class AgreementMatrix:
    """Agreement of each two annotators; row and column i belong to `annotators[i]`.

    Symmetric. `n` counts units both rated. `percent` and `kappa` are None on the diagonal
    and where fewer than `min_shared` units are shared; `kappa` also where it is undefined.
    """

    annotators: tuple[str, ...]
    n: tuple[tuple[int, ...], ...]
    percent: Grid
    kappa: Grid

    def as_dict(self) -> dict[str, object]:
        """Give plain data for JSON."""
        return {
            "annotators": list(self.annotators),
            "n": [list(row) for row in self.n],
            "percent": [list(row) for row in self.percent],
            "kappa": [list(row) for row in self.kappa],
        }


@dataclass(frozen=True, slots=True)
class WithOthers:
    """How one annotator agrees with everybody who rated the same units."""

    annotator: str
    percent: float
    n_units: int


def agreement_matrix(
    ratings: Iterable[Rating], *, distance: Distance | None = None, min_shared: int = 1
) -> AgreementMatrix:
    """Give percent agreement and Cohen's kappa for every two annotators, sorted by name.

    With a distance, percent is 1 − the mean distance and kappa stays None. No ratings:
    an empty matrix. Cost: pairs of ratings within units.

    >>> from labeling.agreement.ratings import from_rows
    >>> matrix = agreement_matrix(from_rows([["y", "y"], ["y", "n"], ["n", "n"], ["n", "n"]]))
    >>> matrix.n[0], matrix.percent[0][1], matrix.kappa[0][1]
    ((4, 4), 0.75, 0.5)
    """
    table = pairable(ratings)
    seen: Counter[str] = Counter()
    pairs: dict[tuple[str, str], Counter[tuple[Hashable, Hashable]]] = {}
    for row in table.values():
        seen.update(row.keys())
        for (a, x), (b, y) in combinations(sorted(row.items(), key=_annotator), 2):
            pairs.setdefault((a, b), Counter())[x, y] += 1
    names = tuple(sorted(seen))
    place = {name: i for i, name in enumerate(names)}
    size = len(names)
    n = [[0] * size for _ in names]
    percent: list[list[float | None]] = [[None] * size for _ in names]
    kappa: list[list[float | None]] = [[None] * size for _ in names]
    for name, count in seen.items():
        n[place[name]][place[name]] = count
    for (a, b), counts in pairs.items():
        i, j = place[a], place[b]
        n[i][j] = n[j][i] = shared = counts.total()
        if shared < min_shared:
            continue
        percent[i][j] = percent[j][i] = 1.0 - _apart(counts, distance or nominal) / shared
        if distance is None:
            kappa[i][j] = kappa[j][i] = kappa_of_table(counts)
    return AgreementMatrix(names, _freeze(n), _freeze(percent), _freeze(kappa))


def agreement_with_others(
    ratings: Iterable[Rating], *, distance: Distance | None = None
) -> list[WithOthers]:
    """Give each annotator's mean agreement with the others on shared units, worst first.

    Within a unit the mean is over the other annotators; then over units, so that a unit
    counts once however many rated it. Annotators who share no unit are left out.

    >>> from labeling.agreement.ratings import from_rows
    >>> worst = agreement_with_others(from_rows([["y", "y", "n"], ["y", "y", "n"]]))[0]
    >>> worst
    WithOthers(annotator='2', percent=0.0, n_units=2)
    """
    measure = distance or nominal
    total: dict[str, float] = {}
    n: Counter[str] = Counter()
    for row in pairable(ratings).values():
        apart = dict.fromkeys(row, 0.0)
        for (a, x), (b, y) in combinations(row.items(), 2):
            between = measure(x, y)
            apart[a] += between
            apart[b] += between
        for name, sum_apart in apart.items():
            total[name] = total.get(name, 0.0) + 1.0 - sum_apart / (len(row) - 1)
            n[name] += 1
    found = [WithOthers(name, total[name] / n[name], n[name]) for name in total]
    return sorted(found, key=lambda one: (one.percent, one.annotator))


def _annotator(cell: tuple[str, Hashable]) -> str:
    return cell[0]


def _apart(counts: Counter[tuple[Hashable, Hashable]], distance: Distance) -> float:
    return sum(count * distance(x, y) for (x, y), count in counts.items())


def _freeze(grid: list[list[T]]) -> tuple[tuple[T, ...], ...]:
    return tuple(tuple(row) for row in grid)
