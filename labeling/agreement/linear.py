"""Why: Bradley–Terry needs to invert matrices of a dozen rows; no library for that."""

from __future__ import annotations

from collections.abc import Sequence

Vector = list[float]
Matrix = list[list[float]]


def inverse(matrix: Matrix) -> Matrix:
    """Give the inverse by Gauss–Jordan elimination with row pivots.

    Raises: ZeroDivisionError for a singular matrix.

    >>> inverse([[2.0, 0.0], [0.0, 4.0]])
    [[0.5, 0.0], [0.0, 0.25]]
    """
    size = len(matrix)
    work = [[*row, *(1.0 if i == j else 0.0 for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda r: abs(work[r][column]))
        work[column], work[pivot] = work[pivot], work[column]
        head = work[column][column]
        work[column] = [cell / head for cell in work[column]]
        for r in range(size):
            factor = work[r][column]
            if r != column and factor:
                work[r] = [a - factor * b for a, b in zip(work[r], work[column], strict=True)]
    return [row[size:] for row in work]


def times(matrix: Matrix, vector: Vector) -> Vector:
    """Multiply a matrix by a vector.

    >>> times([[1.0, 2.0], [0.0, 1.0]], [1.0, 1.0])
    [3.0, 1.0]
    """
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def sandwich(bread: Matrix, scores: Sequence[Vector]) -> Matrix:
    """Give B (Σ s sᵀ) B for a symmetric B: the cluster-robust covariance, CR0.

    Scaled by G / (G − 1) for G clusters, since few clusters give it too small.

    >>> sandwich([[2.0]], [[1.0], [-1.0]])
    [[16.0]]
    """
    size = len(bread)
    pushed = [times(bread, score) for score in scores]
    scale = len(scores) / (len(scores) - 1) if len(scores) > 1 else 1.0
    return [
        [scale * sum(push[i] * push[j] for push in pushed) for j in range(size)]
        for i in range(size)
    ]
