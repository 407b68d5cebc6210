"""The paper's cohort: children of ABCD and HCP-D without a raised score in the Child Behavior Checklist.

Both studies are access-controlled (https://nda.nih.gov): the user brings a folder with BIDS names and a table
of CBCL t-scores, parted by tabs, commas or semicolons, with a column of subject ids and the t-scores in columns whose
names end in `_t` or `tscore`. A child above 66 on any of them, summary score or subscale, is left out; the rest is
split 80/10/10 (1650 children give 1320, 165 and 165; paper, section 4.1).
"""

import math
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from bench.errors import BenchError
from bench.settings import AbsolutePath
from datasets.bids import bids_folder
from datasets.dataset import Dataset, SetAside
from datasets.scans.bids_layout import Folder, SubjectFiles
from datasets.scans.dataset import scans_dataset
from datasets.settings import ScanSettings
from datasets.tables import Table, read_table

NAME = "cohort"
DESCRIPTION = "the paper's ABCD + HCP-D selection (--root DIR, with a CBCL table)"
HIGHEST_T_SCORE = 66
ID_COLUMNS = ("participant_id", "src_subject_id", "subjectkey")
T_SCORE_ENDINGS = ("_t", "tscore", "t_score")
MISSING = ("", "n/a", "na", "nan", "none", "null", ".")


class Settings(ScanSettings):
    """A folder, and the table that says who is in the cohort."""

    table: AbsolutePath | None = Field(None, description="table of CBCL t-scores (CSV)")


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The dataset `cohort`. BenchError for a folder or table that cannot be used."""
    if settings.root is None or settings.table is None:
        raise BenchError("The dataset cohort needs --root, a folder of scans, and --table, their CBCL t-scores.")
    folder = selected(bids_folder(settings.root), highest_t_scores(settings.table))
    return scans_dataset(NAME, settings, cache_folder, folder)


def selected(folder: Folder, t_scores: dict[str, float]) -> Folder:
    """The first session of every child whose highest t-score is known and not above 66."""
    kept: dict[str, SubjectFiles] = {}
    set_aside = list(folder.set_aside)
    for files in folder.subjects:
        highest = t_scores.get(files.subject)
        if highest is None:
            set_aside.append(SetAside(files.id, f"{files.id} has no CBCL t-score in the table."))
        elif highest > HIGHEST_T_SCORE:
            set_aside.append(SetAside(files.id, f"{files.id} is above CBCL t-score {HIGHEST_T_SCORE}."))
        elif files.subject in kept:
            set_aside.append(SetAside(files.id, f"{files.id} is a later session; each child counts once."))
        else:
            kept[files.subject] = files
    if not kept:
        raise BenchError(f"The CBCL table leaves no child of {folder.root}; check that its ids match sub-*.")
    return replace(folder, subjects=list(kept.values()), set_aside=set_aside)


def highest_t_scores(path: Path) -> dict[str, float]:
    """Subject ("sub-NDARINV...") -> highest t-score on any scale at any visit; children without one are absent.

    BenchError when the table is not there, lacks the columns, or has a t-score that is no number.
    """
    if not path.is_file():
        raise BenchError(f"The table {path} does not exist; check --table.")
    table = read_table(path)
    id_column = next((column for column in ID_COLUMNS if column in table.columns), None)
    scales = [column for column in table.columns if column.endswith(T_SCORE_ENDINGS)]
    if id_column is None or not scales:
        raise BenchError(
            f"{path} needs a column of ids ({', '.join(ID_COLUMNS)}) and columns of t-scores ending in _t."
        )
    for column in (id_column, *scales):
        table.needs_one(column)
    highest: dict[str, float] = {}
    for row in table.rows[describes_columns(table, scales) :]:
        subject = subject_of(row.values[id_column])
        for scale in scales:
            score = number(row.values[scale])
            if score is None:
                raise BenchError(
                    f"{path}, line {row.line}: {scale} is {row.values[scale]!r}; mend it or leave it empty."
                )
            if score == score:  # not NaN
                highest[subject] = max(score, highest.get(subject, score))
    return highest


def describes_columns(table: Table, scales: list[str]) -> bool:
    """Whether the first row is one of descriptions, as the studies' tables have: no t-score in it is a number."""
    return bool(table.rows) and all(number(table.rows[0].values[scale]) is None for scale in scales)


def subject_of(id: str) -> str:
    """The BIDS name of an id: NDAR_INV003RTV85 -> sub-NDARINV003RTV85."""
    return "sub-" + "".join(filter(str.isalnum, id.removeprefix("sub-")))


def number(text: str) -> float | None:
    """A number, also with a decimal comma; NaN for a missing one, None for another text."""
    if text.lower() in MISSING:
        return math.nan
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
