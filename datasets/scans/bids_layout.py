"""Find subjects in a folder with BIDS or BIDS derivative file names; nothing is opened here."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from datasets.dataset import SetAside
from datasets.scans.names import Name, parsed, subject_of

CHANNELS = ("T1w", "T2w")  # the first one is required


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject, or of one session of it: id "sub-01" or "sub-01_ses-02"; subject "sub-01"."""

    id: str
    images: dict[str, Path]
    brain_mask: Path | None = None
    lesion_mask: Path | None = None

    @property
    def subject(self) -> str:
        """The id without its session."""
        return subject_of(self.id)

    def paths(self, channels: tuple[str, ...]) -> dict[str, Path]:
        """Role -> file, of all files that are read when these channels are."""
        masks = {"brain mask": self.brain_mask, "lesion mask": self.lesion_mask}
        return {channel: self.images[channel] for channel in channels} | {
            role: path for role, path in masks.items() if path is not None
        }


FileT = TypeVar("FileT", Path, Name)


def find_subjects(root: Path, without: Path | None = None) -> tuple[list[SubjectFiles], list[SetAside]]:
    """The subjects of a folder, sorted by id, and those whose files are ambiguous or incomplete.

    without: a folder below that is not looked into. BenchError when the folder is not there or holds no T1w image with
    a BIDS name.
    """
    if not root.is_dir():
        raise BenchError(f"The folder {root} does not exist; check --root and --train-root.")
    raw = by_id(bids_names(root))
    derived = by_id([name for name in bids_names(root, "derivatives/*/") if not lies_in(name.path, without)])
    if not any(name.suffix == CHANNELS[0] for names in raw.values() for name in names):
        raise BenchError(
            f"{root} holds no T1w image with a BIDS name, such as sub-01/anat/sub-01_T1w.nii.gz; "
            "point --root at the folder that contains the sub-* folders."
        )
    everything = [name for found in (raw, derived) for names in found.values() for name in names]
    patients = {name.subject for name in everything if name.is_lesion_mask}
    found, set_aside = [], []
    for case_id in sorted(raw.keys() | derived.keys()):
        try:
            files = subject_files(case_id, raw[case_id], derived[case_id])
            if files.lesion_mask is None and files.subject in patients:
                raise BenchError(f"{case_id} has no lesion mask, but another session of {files.subject} has.")
            found.append(files)
        except BenchError as problem:
            set_aside.append(SetAside(case_id, str(problem)))
    return found, set_aside


def lies_in(path: Path, folder: Path | None) -> bool:
    """Whether a file lies below a folder."""
    return folder is not None and path.resolve().is_relative_to(folder.resolve())


def bids_names(root: Path, below: str = "") -> list[Name]:
    """All NIfTI files of anat/ folders whose name starts with sub- and ends with a suffix."""
    paths = [
        path
        for level in ("sub-*/anat/", "sub-*/ses-*/anat/")
        for path in sorted(root.glob(f"{below}{level}sub-*_*.nii*"))
    ]
    return [name for name in map(parsed, paths) if name is not None]


def by_id(names: Sequence[Name]) -> defaultdict[str, list[Name]]:
    """Subject or session -> the names of its files."""
    found: defaultdict[str, list[Name]] = defaultdict(list)
    for name in names:
        found[name.id].append(name)
    return found


def subject_files(case_id: str, raw: list[Name], derived: list[Name]) -> SubjectFiles:
    """The files of one subject's session. BenchError when it is not clear which to use.

    raw: of its own folder, where images are taken from; derived: below derivatives/. Masks may be in both.
    """
    t1w = only_one(case_id, "T1w image", [name for name in raw if name.suffix == "T1w"])
    if t1w is None:
        raise BenchError(f"{case_id} has no T1w image.")
    t2w = only_one(case_id, "T2w image", [name for name in raw if name.suffix == "T2w" and name.space == t1w.space])
    lesion_masks = [name for name in (*raw, *derived) if name.is_lesion_mask]
    brain_masks = [name for name in (*raw, *derived) if name.is_brain_mask]
    lesion_mask = only_one(case_id, "lesion mask", in_space(lesion_masks, t1w))
    if lesion_masks and lesion_mask is None:
        raise BenchError(f"{lesion_masks[0].path} is not in the space of {t1w.path.name}; resample it to that.")
    brain_mask = only_one(case_id, "brain mask", in_space(brain_masks, t1w))
    return SubjectFiles(
        id=case_id,
        images={"T1w": t1w.path} | ({"T2w": t2w.path} if t2w else {}),
        brain_mask=brain_mask.path if brain_mask else None,
        lesion_mask=lesion_mask.path if lesion_mask else None,
    )


def in_space(masks: list[Name], image: Name) -> list[Name]:
    """Those masks that name the image's space, or none."""
    return [mask for mask in masks if mask.space in (image.space, None)]


def only_one(case_id: str, what: str, files: list[FileT]) -> FileT | None:
    """The one file, None when there is none, BenchError when there are several."""
    if len(files) > 1:
        listed = ", ".join(file.name for file in files)
        raise BenchError(f"{case_id} has {len(files)} files that could be its {what} ({listed}); keep one.")
    return files[0] if files else None
