"""Bipartite matching: b-matchings, and pairs of least cost."""

import pytest

from pixel_emulator.core.matching.bipartite import b_matching, max_pairs, min_cost_pairs

# Candidates of each call, bounds of each expectation, and the expectation that claims each call.
CLAIMS = [
    ([], [], []),
    ([()], [], [None]),
    ([(0,), ()], [(1, 1)], [0, None]),
    ([(0,), (0,)], [(1, 1)], [0, None]),
    ([(0, 1), (0,)], [(1, 1), (1, 1)], [1, 0]),
    ([(0, 1), (0, 1), (0,), (0,)], [(1, 3), (1, 1)], [0, 1, 0, 0]),
    ([(0, 1), (0, 1), (1, 2), (1, 2)], [(0, 1), (0, 1), (2, 2)], [0, 1, 2, 2]),
    ([(0, 1)] * 4 + [(0,)] * 3, [(0, 5), (0, 2)], [0, 0, 1, 1, 0, 0, 0]),
    ([(0,)], [(0, 0)], [None]),
]


@pytest.mark.parametrize(("candidates", "bounds", "claims"), CLAIMS)
def test_calls_are_claimed_in_order_and_reassigned_to_claim_more(candidates, bounds, claims):
    assert b_matching(candidates, bounds) == claims


# The possible columns of each row with their costs, and the best columns.
PAIRS = [
    ([], []),
    ([{}], [None]),
    ([{0: 5}], [0]),
    ([{0: 1}, {0: 2}], [0, None]),
    ([{0: 1, 1: 1}, {0: 9}], [1, 0]),
    ([{0: 1, 1: 9}, {0: 2, 1: 3}], [0, 1]),
    ([{0: 0}, {0: 0, 1: 9}, {1: 0, 2: 9}], [0, 1, 2]),
    ([{0: 4, 1: 1}, {1: 0}, {1: 0, 0: 2, 2: 9}], [0, 1, 2]),
    ([{0: 0, 1: 6}, {0: 0, 1: 5, 2: 9}, {0: 0, 1: 1, 2: 9}], [0, 2, 1]),
]


@pytest.mark.parametrize(("costs", "pairs"), PAIRS)
def test_most_rows_get_a_column_at_the_least_total_cost(costs, pairs):
    columns = min_cost_pairs(costs)
    assert [column is None for column in columns] == [column is None for column in pairs]
    assert _total(costs, columns) == _total(costs, pairs)


def _total(costs, pairs):
    return sum(row[column] for row, column in zip(costs, pairs, strict=True) if column is not None)


@pytest.mark.parametrize(
    ("fitting", "pairs"),
    [
        ([], {}),
        ([[]], {}),
        ([[0, 1], [0]], {0: 1, 1: 0}),
        ([[0, 1], [0], [1]], {0: 1, 1: 0}),
        ([[0, 1], [0, 2], [0], [2, 3]], {0: 1, 1: 2, 2: 0, 3: 3}),
    ],
)
def test_max_pairs(fitting, pairs):
    matched = max_pairs(fitting)
    assert len(matched) == len(pairs)
    assert len(set(matched.values())) == len(matched)
    assert all(item in fitting[expected] for expected, item in matched.items())
