"""What a file's name says: the one parser of names such as sub-01_ses-02_space-MNI152_desc-brain_T1w.nii.gz.

The label of `sub` and `ses` is all that stands before the next underscore or dot: BIDS has letters and digits only, but
hyphens (sub-MS-01) are taken, too. The ending .nii or .nii.gz may be written in capitals.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.channels import CHANNELS

Role = Literal["image", "brain mask", "lesion", "other"]

NIFTI = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
OTHER_VOLUMES = (".nii.bz2", ".nii.xz", ".nii.zst", ".img", ".mgz", ".mgh", ".mha", ".nrrd")  # never read
OWN_SPACES = ("orig", "t1w", "individual", "native")  # of BIDS derivatives: the scan's own space
OWN = "own"
EXTRACTION = ("brain", "bet", "hdbet", "hd-bet", "synthstrip", "stripped", "deepbet")  # what masks of brains are called
LESION_WORDS = re.compile(
    r"lesion|tumou?r|wmh|hyperintens|stroke|infarct|ha?emorrhage|glioma|metasta|(?<![a-z])rois?(?![a-z])|(?-i:[a-z]ROI)",
    re.IGNORECASE,
)
LESION_LABEL = re.compile(r"_label-L(?![^_])")  # BIDS: L is the label of lesions
# Endings of images, BIDS's and those of challenges, in small letters -> as BIDS writes those that are read here.
IMAGES = {channel.lower(): channel for channel in CHANNELS} | {
    suffix: suffix
    for suffix in (
        *("t1", "t2", "t1c", "t1ce", "t1n", "t2f", "t1gd", "pd", "t2star", "t2starw", "unit1"),
        *("mp2rage", "inplanet1", "inplanet2", "pdt2", "flash", "angio", "swi", "dwi", "adc", "bold", "sbref", "epi"),
    )
}
# Entities that tell files of one subject apart, but not what is in them.
IDENTITY = ("acq", "ce", "rec", "run", "echo", "part", "sample", "space", "cohort", "res", "den")


@dataclass(frozen=True)
class Name:
    """A name taken apart at its underscores: entities such as {"sub": "01", "ses": "02"}, and the suffix, "T1w"."""

    path: Path
    entities: dict[str, str]
    suffix: str

    @property
    def name(self) -> str:
        """The file's name as it is."""
        return self.path.name

    @property
    def subject(self) -> str:
        """Such as "sub-01"."""
        return f"sub-{self.entities['sub']}"

    @property
    def id(self) -> str:
        """The subject, or its session: "sub-01" or "sub-01_ses-02"."""
        session = f"_ses-{self.entities['ses']}" if "ses" in self.entities else ""
        return self.subject + session

    @property
    def space(self) -> str | None:
        """The space that the name claims, "own" for the scan's own; None where it claims none."""
        space = self.entities.get("space")
        return OWN if space and space.lower() in OWN_SPACES else space


def parsed(path: Path) -> Name | None:
    """The name of a NIfTI file taken apart; None when it is no NIfTI file or does not begin with `sub-`."""
    if not is_nifti(path):
        return None
    parts = NIFTI.sub("", path.name).split("_")
    entities = dict(part.split("-", 1) for part in parts if "-" in part)
    for key in entities.keys() & {"sub", "ses"}:
        entities[key] = entities[key].split(".")[0]
    if not parts[0].startswith("sub-") or not all(entities.get(key, "named") for key in ("sub", "ses")):
        return None
    return Name(path, entities, IMAGES.get(parts[-1].lower(), parts[-1]))


def is_nifti(path: Path) -> bool:
    """Whether a name ends in .nii or .nii.gz, in any case."""
    return NIFTI.search(path.name) is not None


def is_volume(path: Path) -> bool:
    """Whether a name is that of a NIfTI file, or of an image in a format that is not read here."""
    return is_nifti(path) or path.name.lower().endswith(OTHER_VOLUMES)


def role(path: Path, in_lesion_folder: bool = False) -> Role:
    """What a file is by its name. An image stays one, whatever else its name says; see `says_lesion`.

    in_lesion_folder: a folder around it says lesion, so only a mask that is called one of the brain is one.
    """
    if is_image(path):
        return "image"
    if says_lesion(path):
        return "lesion"
    if is_brain_mask(path) and (says_brain_mask(path) or not in_lesion_folder):
        return "brain mask"
    return "lesion" if in_lesion_folder else "other"


def is_image(path: Path) -> bool:
    """Whether a name ends as those of images do, such as in _T1w or _FLAIR."""
    return _words(path).split("_")[-1].lower() in IMAGES


def says_lesion(path: Path) -> bool:
    """Whether a name speaks of a lesion, tumour, WMH, stroke or region of interest, outside of subject and session."""
    words = _words(path)
    return bool(LESION_WORDS.search(words) or LESION_LABEL.search(words))


def is_brain_mask(path: Path) -> bool:
    """Whether a name ends in _mask, _brainmask or _bet and describes it as nothing else than that of a brain.

    FSL and HD-BET call a mask `_brain_mask` and `_bet_mask`, HD-BET from version 2 on `_bet`, which is before that the
    brain itself: its voxels are the mask as well.
    """
    *described, suffix = _words(path).lower().lstrip("_.").split("_")
    called = suffix in ("mask", "brainmask") or (suffix == "bet" and bool(described))
    return called and not says_lesion(path) and all(map(_leaves_brain, described))


def says_brain_mask(path: Path) -> bool:
    """Whether a name speaks of a mask of the brain, in folders of labels and maps, which need not keep to BIDS."""
    words = _words(path).lower()
    return "brain" in words and "mask" in words and not says_lesion(path) and not is_image(path)


def says_t1w(path: Path) -> bool:
    """Whether a name is that of a T1w image."""
    return NIFTI.sub("", path.name).lower().endswith("_t1w")


def subject_of(id: str) -> str:
    """Of an id, "sub-01" or "sub-01_ses-02", the subject: "sub-01"."""
    return id.partition("_")[0]


def anat_folder(id: str) -> Path:
    """Where BIDS has the images of an id: sub-01/anat or sub-01/ses-02/anat."""
    subject, _, session = id.partition("_")
    return Path(subject, session, "anat")


def _words(path: Path) -> str:
    """A name without subject, session and ending: "_label-lesion_mask". A patient's id is no description."""
    return re.sub(r"(^sub|_ses|^ses)-[^_.]*", "", NIFTI.sub("", path.name))


def _leaves_brain(part: str) -> bool:
    """Whether a mask with this part in its name, in small letters, may be that of a brain."""
    key, hyphen, value = part.partition("-")
    if not hyphen or part in EXTRACTION:
        return part in EXTRACTION or part in IMAGES
    return key in IDENTITY or (key in ("label", "desc") and value in EXTRACTION)
