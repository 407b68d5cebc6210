"""Which subjects train, validate and test: named in participants.tsv, or drawn by seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.seeds import numpy_generator
from datasets.scans.listing import not_used, tables_in
from datasets.scans.names import subject_of
from datasets.tables import read_table

SPLITS = ("train", "validation", "test")
TABLES = ("participants.tsv", "participants.csv")  # the first one that is there counts


@dataclass(frozen=True)
class NamedSplits:
    """Subject ("sub-01") -> split, and the table that says so."""

    path: Path
    by_subject: dict[str, str]


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


def participants_table(root: Path) -> Path | None:
    """The table of a folder's subjects, if it has one."""
    tables = tables_in(root)
    return next((path for name in TABLES for path in tables if path.name.lower() == name), None)


def participant_subject(participant: str) -> str:
    """The subject of a value of participant_id, which should begin with sub-, but need not: "01" -> "sub-01"."""
    return subject_of("sub-" + participant.removeprefix("sub-"))


def described_participants(root: Path) -> dict[str, dict[str, str]]:
    """Subject -> what a folder's table says of it: column -> value, `n/a` and empty ones left out."""
    path = participants_table(root)
    table = None if path is None else read_table(path)
    if table is None or "participant_id" not in table.columns:
        return {}
    described: dict[str, dict[str, str]] = {}
    for row in table.rows:
        if participant := row.values["participant_id"]:
            said = {name: value for name, value in row.values.items() if value and value.lower() != "n/a"}
            described.setdefault(participant_subject(participant), {}).update(said)
    for said in described.values():
        said.pop("participant_id", None)
        said.pop("split", None)
    return described


def named_splits(root: Path) -> tuple[NamedSplits | None, list[str]]:
    """The splits of the column `split` of root/participants.tsv, None without it; and what is said of tables.

    Subjects without a value (empty or n/a) are left out. BenchError for a value that is no split, for two splits of
    one subject, and for splits whose subjects are not named.
    """
    path = participants_table(root)
    notes = not_used([one for one in tables_in(root) if one != path], f"splits are named in {TABLES[0]} alone")
    if path is None:
        return None, notes
    table = read_table(path)
    if "split" not in table.columns:
        if len(table.columns) == 1 and "split" in table.columns[0]:
            raise BenchError(f"{path} is one column, {table.columns[0]!r}; part its values by tabs.")
        columns = ", ".join(table.columns) or "none"
        return None, [*notes, f"{path} names no splits: it has no column `split` (its columns: {columns})."]
    if "participant_id" not in table.columns:
        raise BenchError(f"{path} has a column split, but no column participant_id; add it.")
    for column in ("participant_id", "split"):
        table.needs_one(column)
    splits: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in table.rows:
        split, participant = row.values["split"].lower(), row.values["participant_id"]
        if split in ("", "n/a"):
            continue
        if split not in SPLITS:
            raise BenchError(f"{path}, line {row.line}: the split '{split}' must be train, validation or test.")
        if not participant:
            raise BenchError(f"{path}, line {row.line}: the split {split} has no participant_id; name the subject.")
        subject = participant_subject(participant)
        if splits.setdefault(subject, split) != split:
            raise BenchError(
                f"{path}, lines {lines[subject]} and {row.line}: {subject} is in {splits[subject]} and in {split}; "
                "keep one."
            )
        lines.setdefault(subject, row.line)
    return NamedSplits(path, splits), notes
