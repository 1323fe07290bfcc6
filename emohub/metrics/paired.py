"""Whether two classifiers differ on the same rows, and how to ask that of many pairs."""

from collections.abc import Sequence

from emohub.errors import DataError


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947).

    ``b`` and ``c`` are the rows that only the first and only the second classifier got right. Under the hypothesis that
    both are equally good, ``b`` is binomial with ``b + c`` trials and probability 1/2. Without such rows p is 1.

    Raises:
        DataError: a count is negative.
    """
    if b < 0 or c < 0:
        raise DataError(f"the counts are {b} and {c}", "give numbers of rows, zero or more")
    trials = b + c
    # Whole numbers of any size: no rounding before the one division at the end.
    ways = tail = 1
    for i in range(min(b, c)):
        ways = ways * (trials - i) // (i + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << trials))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's step-down method (Holm 1979), in the order given.

    Rejecting where an adjusted value is at most alpha keeps the chance of any false rejection at alpha or below.

    Raises:
        DataError: a value is not between 0 and 1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise DataError(f"a p-value is {p}", "give values from 0 to 1")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
