"""Which subjects train, validate and test: named in participants.tsv, or drawn by seed."""

import csv
from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from bench.seeds import numpy_generator

SPLITS = ("train", "validation", "test")


def seeded_split(subjects: Iterable[str], seed: int) -> dict[str, str]:
    """Subject -> split: 80/10/10 as in the paper (1650 give 1320, 165 and 165), in an order drawn by seed.

    Small cohorts keep at least one subject a split; two subjects make one to train and one to validate.
    """
    ordered = sorted(set(subjects))
    numpy_generator(seed, "split").shuffle(ordered)
    tenth = max(1, round(len(ordered) / 10))
    train = len(ordered) - (2 * tenth if len(ordered) > 2 else tenth)
    return {
        subject: "train" if i < train else "validation" if i < train + tenth else "test"
        for i, subject in enumerate(ordered)
    }


def named_splits(root: Path) -> dict[str, str] | None:
    """Subject ("sub-01") -> split from the `split` column of root/participants.tsv; None without that column.

    Subjects without a value (empty or n/a) are left out. BenchError for a value that is no split.
    """
    path = root / "participants.tsv"
    if not path.exists():
        return None
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if reader.fieldnames is None or not {"participant_id", "split"} <= set(reader.fieldnames):
            return None
        splits = {}
        for row in reader:
            split = (row["split"] or "").strip().lower()
            if split in ("", "n/a"):
                continue
            if split not in SPLITS:
                raise BenchError(
                    f"{path}, line {reader.line_num}: the split '{split}' must be train, validation or test."
                )
            splits["sub-" + row["participant_id"].strip().removeprefix("sub-")] = split
    return splits
