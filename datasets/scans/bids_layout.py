"""Find subjects in a folder with BIDS or BIDS derivative file names; nothing is opened here."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from datasets.dataset import SetAside

CHANNELS = ("T1w", "T2w")  # the first one is required
FOLDERS = ("", "derivatives/*/")  # images come from the first, masks from both


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject, or of one session of it: id "sub-01" or "sub-01_ses-02"; subject "sub-01"."""

    id: str
    subject: str
    images: dict[str, Path]
    brain_mask: Path | None = None
    lesion_mask: Path | None = None

    def paths(self, channels: tuple[str, ...]) -> dict[str, Path]:
        """Role -> file, of all files that are read when these channels are."""
        masks = {"brain mask": self.brain_mask, "lesion mask": self.lesion_mask}
        return {channel: self.images[channel] for channel in channels} | {
            role: path for role, path in masks.items() if path is not None
        }


@dataclass(frozen=True)
class Name:
    """A BIDS file name taken apart."""

    path: Path
    entities: dict[str, str]
    suffix: str
    is_raw: bool  # not below derivatives/

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_lesion_mask(self) -> bool:
        """label-lesion, or a description such as that of ATLAS (label-L_desc-T1lesion)."""
        described = self.entities.get("label", "") + self.entities.get("desc", "")
        return self.suffix == "mask" and "lesion" in described.lower()

    @property
    def space(self) -> str | None:
        return self.entities.get("space")


FileT = TypeVar("FileT", Path, Name)


def find_subjects(root: Path) -> tuple[list[SubjectFiles], list[SetAside]]:
    """The subjects of a folder, sorted by id, and those whose files are ambiguous or incomplete.

    BenchError when the folder is not there or holds no T1w image with a BIDS name.
    """
    if not root.is_dir():
        raise BenchError(f"The folder {root} does not exist; check --root and --train-root.")
    sessions: dict[str, list[Name]] = defaultdict(list)
    for name in bids_names(root):
        session = f"_ses-{name.entities['ses']}" if "ses" in name.entities else ""
        sessions[f"sub-{name.entities['sub']}{session}"].append(name)
    if not any(name.is_raw and name.suffix == CHANNELS[0] for names in sessions.values() for name in names):
        raise BenchError(
            f"{root} holds no T1w image with a BIDS name, such as sub-01/anat/sub-01_T1w.nii.gz; "
            "point --root at the folder that contains the sub-* folders."
        )
    patients = {n.entities["sub"] for names in sessions.values() for n in names if n.is_lesion_mask}
    found, set_aside = [], []
    for case_id, names in sorted(sessions.items()):
        try:
            files = subject_files(case_id, names)
            if files.lesion_mask is None and files.subject.removeprefix("sub-") in patients:
                raise BenchError(f"{case_id} has no lesion mask, but another session of {files.subject} has.")
            found.append(files)
        except BenchError as problem:
            set_aside.append(SetAside(case_id, str(problem)))
    return found, set_aside


def bids_names(root: Path) -> list[Name]:
    """All NIfTI files of anat/ folders whose name starts with sub- and ends with a suffix."""
    names = []
    for folder in FOLDERS:
        for level in ("sub-*/anat/", "sub-*/ses-*/anat/"):
            for path in sorted(root.glob(f"{folder}{level}sub-*_*.nii*")):
                if path.name.endswith((".nii", ".nii.gz")):
                    *parts, suffix = path.name.split(".nii")[0].split("_")
                    entities = dict(part.split("-", 1) for part in parts if "-" in part)
                    names.append(Name(path, entities, suffix, is_raw=folder == ""))
    return names


def subject_files(case_id: str, names: list[Name]) -> SubjectFiles:
    """The files of one subject's session. BenchError when it is not clear which to use."""
    raw = [name for name in names if name.is_raw]
    t1w = only_one(case_id, "T1w image", [name for name in raw if name.suffix == "T1w"])
    if t1w is None:
        raise BenchError(f"{case_id} has no T1w image.")
    t2w = only_one(case_id, "T2w image", [name for name in raw if name.suffix == "T2w" and name.space == t1w.space])
    lesion_masks = [name for name in names if name.is_lesion_mask]
    brain_masks = [
        name
        for name in names
        if name.suffix == "mask"
        and name.entities.get("label", "brain") == "brain"
        and name.entities.get("desc", "brain") == "brain"
    ]
    lesion_mask = only_one(case_id, "lesion mask", in_space(lesion_masks, t1w))
    if lesion_masks and lesion_mask is None:
        raise BenchError(f"{lesion_masks[0].path} is not in the space of {t1w.path.name}; resample it to that.")
    brain_mask = only_one(case_id, "brain mask", in_space(brain_masks, t1w))
    return SubjectFiles(
        id=case_id,
        subject=f"sub-{t1w.entities['sub']}",
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
