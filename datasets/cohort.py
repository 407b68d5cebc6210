"""The paper's cohort: children of ABCD and HCP-D without a raised score in the Child Behavior Checklist.

Both studies are access-controlled (https://nda.nih.gov): the user brings a folder with BIDS names and the study's table
of CBCL t-scores (`datasets.cbcl`). A child above 66 on any summary score or subscale is left out; the rest is split
80/10/10 (1650 children give 1320, 165 and 165; paper, section 4.1).
"""

from dataclasses import replace
from pathlib import Path

from pydantic import Field

from bench.errors import BenchError
from bench.settings import AbsolutePath
from datasets.bids import bids_folder
from datasets.cbcl import HIGHEST_T_SCORE, Missing, Rule, Selection, select_children
from datasets.dataset import Dataset, SetAside
from datasets.scans.bids_layout import Folder, SubjectFiles
from datasets.scans.dataset import scans_dataset
from datasets.settings import ScanSettings

NAME = "cohort"
DESCRIPTION = "the paper's ABCD + HCP-D selection (--root DIR, with a CBCL table)"


class Settings(ScanSettings):
    """A folder, and the table that says who is in the cohort."""

    table: AbsolutePath | None = Field(None, description="table of CBCL t-scores, as ABCD or HCP-D give it")
    visit: str = Field("baseline", description="the visit whose t-scores count, or all")
    exclude: Rule = Field(
        "above-66",
        description=f"above-66: leave out t-scores above {HIGHEST_T_SCORE}, as the paper; from-66: that one as well, "
        "as its code",
    )
    missing: Missing = Field("keep", description="children who lack some of their t-scores; its code excludes them")


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The dataset `cohort`. BenchError for a folder or table that cannot be used."""
    if settings.root is None or settings.table is None:
        raise BenchError("The dataset cohort needs --root, a folder of scans, and --table, their CBCL t-scores.")
    chosen = select_children(settings.table, settings.visit, settings.exclude, settings.missing)
    return scans_dataset(NAME, settings, cache_folder, selected(bids_folder(settings.root, settings.channels), chosen))


def selected(folder: Folder, chosen: Selection) -> Folder:
    """The first session of every child that the table leaves, and a flow chart of counts among the notes."""
    kept: dict[str, SubjectFiles] = {}
    set_aside = list(folder.set_aside)
    strangers = 0
    for files in folder.subjects:
        if why := chosen.left_out.get(files.subject):
            set_aside.append(SetAside(files.id, f"{files.id} has {why} in the CBCL table."))
        elif files.subject not in chosen.kept:
            strangers += 1
            set_aside.append(SetAside(files.id, f"{files.id} is not in the CBCL table."))
        elif files.subject in kept:
            set_aside.append(SetAside(files.id, f"{files.id} is a later session; each child counts once."))
        else:
            kept[files.subject] = files
    if not kept:
        raise BenchError(f"The CBCL table leaves no child of {folder.root}; check that its ids match sub-*.")
    flow = [*chosen.flow]
    if unseen := len(chosen.kept) - len(kept):
        flow.append(f"- {unseen} without a usable scan in {folder.root.name}")
    flow.append(f"= {len(kept)} children with a scan")
    if strangers:
        flow.append(f"({strangers} scans in {folder.root.name} are of nobody in the table)")
    participants = {subject: chosen.kept[subject] | folder.participants.get(subject, {}) for subject in kept}
    return replace(
        folder,
        subjects=list(kept.values()),
        set_aside=set_aside,
        notes=(*folder.notes, "\n".join(flow)),
        participants=participants,
    )
