"""From subjects' files to a dataset: checks, split, common box, fingerprints and lazy cases.

Used by every dataset that is read from disk; these differ only in how they find their subjects.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.errors import BenchError
from bench.seeds import derived_seed
from datasets.cache import LazyCases
from datasets.case import Case
from datasets.channels import CHANNELS
from datasets.dataset import Dataset, SetAside
from datasets.fingerprint import fingerprint
from datasets.lesions.checking import check_lesions
from datasets.lesions.enhancement import enhanced_case
from datasets.lesions.generator import simulate_lesions
from datasets.lesions.identity import lesion_identity
from datasets.lesions.settings import described
from datasets.preparing import preparation
from datasets.preparing.preparation import Frame
from datasets.scans import reading
from datasets.scans.alignment import REFERENCE_CASES, Alignment, Mode, to_align
from datasets.scans.bids_layout import Folder
from datasets.scans.inspection import Subject, usable_subjects
from datasets.scans.patients import simulation_notes, unlabelled_patient, why_patient
from datasets.scans.splits import SPLITS, seeded_split
from datasets.settings import ScanSettings

Kind = Literal["healthy", "real lesions", "simulated lesions"]


def scans_dataset(
    name: str, settings: ScanSettings, cache_folder: Path, folder: Folder, healthy: Folder | None = None
) -> Dataset:
    """A dataset of scans on disk.

    Subjects with a lesion mask are test cases; healthy ones are split by name or by seed, and those that fall
    into the test split get simulated lesions. With a `healthy` folder (`--train-root`), that one is split in
    the same way and gives the train and validation cases, and all subjects of `folder` are test cases.
    BenchError when a split is empty.
    """
    folders = [folder] if healthy is None else [healthy, folder]
    channels, left_out = (settings.channels, "") if settings.channels else common_channels(folders)
    set_aside = [one for each in folders for one in each.set_aside]
    usable = []
    for each in folders:
        subjects, unusable = usable_subjects(each, channels, cache_folder)
        subjects, unlabelled = without_unlabelled_patients(each, subjects)
        usable.append(subjects)
        set_aside += unusable + unlabelled
    splits, without_split = split_subjects(folders[0], usable[0], settings.seed)
    set_aside += without_split
    if healthy is not None:
        with_lesions = [subject for subject in splits["test"] if subject.files.lesion_mask]
        set_aside += [
            SetAside(one.id, f"{one.id} has a lesion mask; {healthy.root} is to learn from.") for one in with_lesions
        ]
        splits["test"], not_tested = test_only(folder, usable[1], splits)
        set_aside += not_tested
    for split, subjects in splits.items():
        if not subjects:
            raise BenchError(empty_split(split, folders, usable) + first_problem(set_aside))
    frame = preparation.training_frame([subject.extent for subject in splits["train"]])
    tests = sorted(splits["test"], key=lambda subject: subject.id)[: settings.cases]
    kinds: list[Kind] = ["real lesions" if s.files.lesion_mask else "simulated lesions" for s in tests]
    simulated = [subject.id for subject, kind in zip(tests, kinds, strict=True) if kind == "simulated lesions"]
    check_lesions(settings.lesions, settings.seed, simulated, cache_folder)
    aligned = to_align(settings.align, frame, splits["train"], [*splits["validation"], *tests])
    preparer = Preparer(settings, cache_folder, channels, frame, splits["train"], aligned)
    training_fingerprint = fingerprint(
        {
            "preparation": preparer.identity,
            "train": [preparer.subject_identity(subject) for subject in splits["train"]],
            "validation": [preparer.subject_identity(subject) for subject in splits["validation"]],
        }
    )
    shared = "one place for all: the scans share a grid" if frame.affine is not None else "centred on each brain"
    description = {
        "folder": " to learn from, test: ".join(str(each.root) for each in folders),
        "subjects": ", ".join(f"{len(subjects)} {split}" for split, subjects in splits.items()),
        "split": f"named in {folders[0].table.name}" if folders[0].splits else f"80/10/10, seed {settings.seed}",
        "test cases": test_description(kinds),
        "channels": ", ".join(channels) + left_out,
        "box": f"{' x '.join(map(str, frame.shape))} voxels of 2 mm, {shared}",
    }
    if simulated:
        description["lesions"] = described(settings.lesions)
    if aligned:
        description["aligned"] = aligned_description(settings.align, aligned)
    return Dataset(
        name=name,
        channels=channels,
        train=preparer.cases(splits["train"], ["healthy"] * len(splits["train"])),
        validation=preparer.cases(splits["validation"], ["healthy"] * len(splits["validation"])),
        test=preparer.cases(tests, kinds),
        validation_lesions=preparer.cases(splits["validation"], ["simulated lesions"] * len(splits["validation"])),
        test_ids=tuple(subject.id for subject in tests),
        training_fingerprint=training_fingerprint,
        fingerprint=fingerprint(
            {
                "training": training_fingerprint,
                "test": [preparer.case_identity(*pair) for pair in zip(tests, kinds, strict=True)],
            }
        ),
        description=description,
        set_aside=tuple(set_aside),
        notes=(*simulation_notes(simulated, settings.lesions), *(note for each in folders for note in each.notes)),
        participants={subject: said for each in folders for subject, said in each.participants.items()},
    )


def common_channels(folders: Sequence[Folder]) -> tuple[tuple[str, ...], str]:
    """The channels that all subjects have, and a note on what is left out. BenchError when there is none."""
    subjects = [files for folder in folders for files in folder.subjects]
    if not subjects:
        return CHANNELS[:1], ""  # nothing is read, and why is said elsewhere
    without = {channel: sum(channel not in files.images for files in subjects) for channel in CHANNELS}
    common = tuple(channel for channel in CHANNELS if not without[channel])
    if not common:
        has = [f"{folder.root} has {' and '.join(folder.subjects[0].images)}" for folder in folders if folder.subjects]
        raise BenchError(f"No channel is there in all subjects: {', '.join(has)}; add what is lacking.")
    partly = [channel for channel in CHANNELS if 0 < without[channel] < len(subjects)]
    notes = [f"{channel} left out: {without[channel]} of {len(subjects)} subjects have none" for channel in partly]
    return common, f" ({'; '.join(notes)})" if notes else ""


def without_unlabelled_patients(folder: Folder, subjects: Sequence[Subject]) -> tuple[list[Subject], list[SetAside]]:
    """The subjects, but for patients without a lesion mask, and these."""
    kept, set_aside = [], []
    for subject in subjects:
        files = subject.files
        why = None if files.lesion_mask else why_patient(files, folder.participants.get(files.subject, {}))
        if why is None:
            kept.append(subject)
        else:
            set_aside.append(SetAside(files.id, unlabelled_patient(files, why)))
    return kept, set_aside


def split_subjects(
    folder: Folder, usable: Sequence[Subject], seed: int
) -> tuple[dict[str, list[Subject]], list[SetAside]]:
    """Split -> subjects in order of id, and those that the table gives none.

    Those with a lesion mask are test cases whatever the table says.
    """
    healthy = [subject for subject in usable if not subject.files.lesion_mask]
    names = (subject.files.subject for subject in healthy)
    by_name = folder.splits if folder.splits is not None else seeded_split(names, seed)
    splits: dict[str, list[Subject]] = {split: [] for split in SPLITS}
    set_aside = []
    for subject in sorted(usable, key=lambda one: one.id):
        split = "test" if subject.files.lesion_mask else by_name.get(subject.files.subject)
        if split is None:
            set_aside.append(SetAside(subject.id, f"{subject.id} has no split in {folder.table.name}."))
        else:
            splits[split].append(subject)
    return splits, set_aside


def test_only(
    folder: Folder, usable: Sequence[Subject], splits: dict[str, list[Subject]]
) -> tuple[list[Subject], list[SetAside]]:
    """Of a folder beside a healthy one: its subjects, or those its table marks test, that are not learned from.

    One that is learned from is known by its name, as with lesions simulated in healthy scans, or by its image.
    """
    learned_from = [subject for split in ("train", "validation") for subject in splits[split]]
    by_image = {subject.image: subject for subject in learned_from}
    by_name = {subject.files.subject: subject for subject in learned_from}
    kept, set_aside = [], []
    for subject in usable:
        if twin := by_image.get(subject.image):
            reason = f"{subject.id} is also in the folder to learn from: its image is that of {twin.id} there."
        elif twin := by_name.get(subject.files.subject):
            reason = (
                f"{subject.id} is also in the folder to learn from, as {twin.files.first}; "
                "rename it there or here if they are different people."
            )
        elif folder.splits is not None and folder.splits.get(subject.files.subject) != "test":
            reason = f"{subject.id} is not marked test in {folder.table}."
        else:
            kept.append(subject)
            continue
        set_aside.append(SetAside(subject.id, reason))
    return kept, set_aside


def empty_split(split: str, folders: Sequence[Folder], usable: Sequence[Sequence[Subject]]) -> str:
    """Why there is no subject for a split, and what to do."""
    if split == "test":
        return f"{folders[-1].root} has no test subject; mark some in participants.tsv or add subjects"
    healthy = sum(not subject.files.lesion_mask for subject in usable[0])
    if healthy < 2:
        return (
            f"{folders[0].root} has {healthy} healthy subject(s) to learn from, at least 2 are needed; "
            "name a folder of healthy subjects with --train-root"
        )
    return f"{folders[0].root / folders[0].table} puts no healthy subject into the split {split}; add some"


def first_problem(set_aside: Sequence[SetAside]) -> str:
    """The end of a sentence on subjects that are lacking: who of them is there, but set aside."""
    return f"; {len(set_aside)} set aside, the first: {set_aside[0].reason}" if set_aside else "."


def test_description(kinds: Sequence[Kind]) -> str:
    """How many test cases there are of each kind."""
    parts = []
    if real := kinds.count("real lesions"):
        parts.append(f"{real} with real lesion masks")
    if simulated := kinds.count("simulated lesions"):
        parts.append(f"{simulated} healthy {'one' if simulated == 1 else 'ones'}")
    return " and ".join(parts)


def aligned_description(mode: Mode, aligned: Sequence[Subject]) -> str:
    """Who is aligned to the mean of the training brains."""
    if mode == "affine":
        return f"all {len(aligned)} scans, to the mean of the training brains"
    named = ", ".join(subject.id for subject in aligned[:10])
    more = f" and {len(aligned) - 10} more" if len(aligned) > 10 else ""
    return f"{named}{more}, to the mean of the training brains: their brains lie elsewhere"


class Preparer:
    """Makes prepared cases of one dataset's subjects and names them by all that shapes them."""

    def __init__(
        self,
        settings: ScanSettings,
        cache_folder: Path,
        channels: tuple[str, ...],
        frame: Frame,
        train: Sequence[Subject] = (),
        aligned: Sequence[Subject] = (),
    ) -> None:
        self.settings = settings
        self.cache_folder = cache_folder
        self.channels = channels
        self.frame = frame
        affine = None if frame.affine is None else (np.round(frame.affine, 4) + 0.0).tolist()
        self.identity = {
            "preparation": preparation.VERSION,
            "reading": reading.VERSION,
            "channels": channels,
            "frame": [frame.shape, affine],
        }
        self.lesions = lesion_identity(settings.lesions)
        self.alignment: Alignment | None = None
        if aligned:
            reference = train[:REFERENCE_CASES]
            as_they_lie = Preparer(settings, cache_folder, channels, frame).cases(
                reference, ["healthy"] * len(reference)
            )
            identity = [self.identity, [subject.content for subject in reference]]
            self.alignment = Alignment(aligned, frame, as_they_lie, identity, cache_folder)

    def cases(self, subjects: Sequence[Subject], kinds: Sequence[Kind]) -> LazyCases:
        """Lazy cases, kept in the cache folder."""
        identities = [self.case_identity(*pair) for pair in zip(subjects, kinds, strict=True)]
        return LazyCases(
            [fingerprint([self.identity, identity]) for identity in identities],
            lambda index: self.prepared(subjects[index], kinds[index]),
            self.cache_folder / "cases",
        )

    def subject_identity(self, subject: Subject) -> list[Any]:
        """What went in, and how it was aligned if it was."""
        return [subject.id, subject.content, *(self.alignment.marks(subject) if self.alignment else [])]

    def case_identity(self, subject: Subject, kind: Kind) -> list[Any]:
        """What makes this case differ from others prepared alike."""
        simulated = [self.lesions, self.settings.seed] if kind == "simulated lesions" else []
        id, content, *marks = self.subject_identity(subject)
        return [id, content, kind, *simulated, *marks]

    def prepared(self, subject: Subject, kind: Kind) -> Case:
        """Read, align, prepare; where wanted, put lesions in before and enhance them after."""
        scan = reading.read_scan(subject.files, self.channels)
        place = self.alignment.box_affine(subject, scan) if self.alignment else None
        if kind != "simulated lesions":
            return preparation.prepare(scan, self.frame, place)
        seed = derived_seed(self.settings.seed, "lesions", subject.id)
        scan = simulate_lesions(scan, self.settings.lesions, seed)
        return enhanced_case(preparation.prepare(scan, self.frame, place), self.settings.lesions)
