"""What a file's name says: the one parser of names such as sub-01_ses-02_space-MNI152_desc-brain_T1w.nii.gz."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Name:
    """A name taken apart at its underscores: entities such as {"sub": "01", "ses": "02"}, and the suffix, "T1w".

    The labels of `sub` and `ses` end at a dot as well, so that sub-01.anomaly.nii.gz is of sub-01.
    """

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
        """The space that the name claims for the image, None for the subject's own."""
        return self.entities.get("space")

    @property
    def is_brain_mask(self) -> bool:
        """A mask that is described as nothing else than that of a brain."""
        described = (self.entities.get("label", "brain"), self.entities.get("desc", "brain"))
        return self.suffix == "mask" and described == ("brain", "brain")

    @property
    def is_lesion_mask(self) -> bool:
        """label-lesion, or a description such as that of ATLAS (label-L_desc-T1lesion)."""
        described = self.entities.get("label", "") + self.entities.get("desc", "")
        return self.suffix == "mask" and "lesion" in described.lower()


def parsed(path: Path) -> Name | None:
    """The name of a NIfTI file taken apart; None when it is no NIfTI file or does not begin with `sub-`."""
    if not path.name.endswith((".nii", ".nii.gz")):
        return None
    parts = path.name.split(".nii")[0].split("_")
    entities = dict(part.split("-", 1) for part in parts if "-" in part)
    for key in entities.keys() & {"sub", "ses"}:
        entities[key] = entities[key].split(".")[0]
    if not parts[0].startswith("sub-") or not all(entities.get(key, "named") for key in ("sub", "ses")):
        return None
    return Name(path, entities, parts[-1])


def subject_of(id: str) -> str:
    """Of an id, "sub-01" or "sub-01_ses-02", the subject: "sub-01"."""
    return id.partition("_")[0]


def anat_folder(id: str) -> Path:
    """Where BIDS has the images of an id: sub-01/anat or sub-01/ses-02/anat."""
    subject, _, session = id.partition("_")
    return Path(subject, session, "anat")


# Of folders of labels and of maps made elsewhere, whose files need not keep to BIDS beyond the subject's id.


def says_lesion(path: Path) -> bool:
    """Whether a name speaks of lesions."""
    return "lesion" in path.name.lower()


def says_brain_mask(path: Path) -> bool:
    """Whether a name speaks of a brain mask."""
    name = path.name.lower()
    return "brain" in name and "mask" in name and "lesion" not in name


def says_t1w(path: Path) -> bool:
    """Whether a name is that of a T1w image."""
    return path.name.split(".nii")[0].endswith("_T1w")
