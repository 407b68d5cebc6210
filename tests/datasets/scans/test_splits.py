from collections import Counter

import pytest

from datasets.scans.splits import seeded_split


@pytest.mark.parametrize(
    ("subjects", "sizes"),
    [(1650, (1320, 165, 165)), (120, (96, 12, 12)), (10, (8, 1, 1)), (3, (1, 1, 1)), (2, (1, 1, 0))],
)
def test_sizes(subjects, sizes):
    counts = Counter(seeded_split((f"sub-{k}" for k in range(subjects)), seed=0).values())
    assert (counts["train"], counts["validation"], counts["test"]) == sizes


def test_same_seed_same_split_in_any_order():
    names = [f"sub-{k}" for k in range(50)]
    assert seeded_split(names, 3) == seeded_split(reversed(names), 3)
    assert seeded_split(names, 3) != seeded_split(names, 4)
