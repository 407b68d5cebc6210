"""Find subjects in a folder with BIDS or BIDS derivative file names; nothing is opened here."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError
from datasets.channels import CHANNELS
from datasets.dataset import SetAside
from datasets.scans.listing import Listing, listed, not_used
from datasets.scans.names import OWN, Name, is_nifti, is_volume, parsed, role, says_lesion, subject_of

# Of a path below the root: the derivative, the subject's folder.
LAYOUT = re.compile(r"(derivatives/[^/]+/)?(sub-[^/]+)/(?:ses-[^/]+/)?anat/[^/]+")
SUBJECT = re.compile(r"sub-[^/_.]+")
OF_ITS_OWN = ("T1w", "T2w")  # a mask beside such an image is not of another; a FLAIR is often laid on the T1w before


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject, or of one session of it: id "sub-01" or "sub-01_ses-02"; subject "sub-01".

    images: channel -> file; masks lie on the first one.
    """

    id: str
    images: dict[str, Path]
    brain_mask: Path | None = None
    lesion_mask: Path | None = None

    @property
    def subject(self) -> str:
        """The id without its session."""
        return subject_of(self.id)

    @property
    def first(self) -> Path:
        """The image that masks lie on."""
        return next(iter(self.images.values()))

    def paths(self, channels: tuple[str, ...]) -> dict[str, Path]:
        """Role -> file, of all files that are read when these channels are."""
        masks = {"brain mask": self.brain_mask, "lesion mask": self.lesion_mask}
        return {channel: self.images[channel] for channel in channels} | {
            role: path for role, path in masks.items() if path is not None
        }


@dataclass(frozen=True)
class Folder:
    """The subjects found in one folder, and those set aside.

    splits: subject -> split, where they are named; table: the file that names them.
    notes: what else is to be said, each a sentence.
    participants: subject -> what is known of it, such as {"age": "34.2", "sex": "F"}.
    """

    root: Path
    subjects: list[SubjectFiles]
    set_aside: list[SetAside]
    splits: dict[str, str] | None = None
    table: Path = Path("participants.tsv")
    notes: tuple[str, ...] = ()
    participants: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """A NIfTI file in an anat/ folder: its name, and the derivative it lies in, "" for the folder's own."""

    name: Name
    derivative: str

    @property
    def path(self) -> Path:
        return self.name.path

    @property
    def role(self) -> str:
        return role(self.path, in_lesion_folder=says_lesion(Path(self.derivative)))

    def is_channel(self, channel: str) -> bool:
        """Whether it is an image of that channel."""
        return self.name.suffix == channel


FileT = TypeVar("FileT", Path, Placed)


def holds_bids(root: Path, without: Path | None = None) -> bool:
    """Whether a folder has a NIfTI file at a place where BIDS has a subject's images."""
    return bool(placed_files(root, [path for path in listed(root, without).files if is_nifti(path)]))


def find_subjects(
    root: Path,
    without: Path | None = None,
    to_learn_from: bool = True,
    channels: tuple[str, ...] | None = None,
) -> Folder:
    """The subjects of a folder, sorted by id, and those that cannot be used or that may be patients.

    A subject of whom any name below the folder speaks of a lesion is found with its lesion mask or set aside; unless
    nothing is to be learned from the folder: then masks of lesions are passed over.

    Args:
        without: A folder below that is not looked into.
        channels: Those that every subject is to have, the one that masks lie on first. None: the first of `CHANNELS`
            that the folder holds, and what a subject has of the others.

    Raises:
        BenchError: When the folder is not there, or holds no image of a channel with a BIDS name.
    """
    if not root.is_dir():
        raise BenchError(f"The folder {root} does not exist; check --root and --train-root.")
    listing = listed(root, without)
    volumes = [path for path in listing.files if is_volume(path)]
    problems = bad_folders(root, listing)
    found = placed_files(root, volumes)
    held = {one.name.suffix for files in found.values() for one in files if not one.derivative}
    needed = channels or tuple(channel for channel in CHANNELS if channel in held)[:1]
    if lacking := [channel for channel in needed or CHANNELS if channel not in held]:
        first = f"; the first problem: {next(iter(problems.values()))}" if problems else "."
        raise BenchError(
            f"{root} holds no {lacking[0]} image with a BIDS name, such as sub-01/anat/sub-01_{lacking[0]}.nii.gz; "
            f"point --root at the folder that contains the sub-* folders{first}"
        )
    lesions = signs_of_lesions(root, volumes) if to_learn_from else {}
    if not to_learn_from:
        found = {case_id: [one for one in files if one.role != "lesion"] for case_id, files in found.items()}
    subjects, set_aside = [], []
    for case_id in sorted(found):
        try:
            if subject_of(case_id) in problems:
                raise BenchError(problems[subject_of(case_id)])
            files = subject_files(case_id, found[case_id], needed, channels or CHANNELS)
            if files.lesion_mask is None and files.subject in lesions:
                raise BenchError(unmasked_patient(files, lesions[files.subject]))
            subjects.append(files)
        except BenchError as problem:
            set_aside.append(SetAside(case_id, str(problem)))
    known = {path.name for path in listing.folders if path.parent == root and path.name.startswith("sub-")}
    for subject in sorted((known | problems.keys()) - {subject_of(case_id) for case_id in found}):
        set_aside.append(SetAside(subject, problems.get(subject, f"{subject} has no {needed[0]} image.")))
    told = {one.path for case in set_aside for one in found.get(case.id, [])}
    used = {path for files in subjects for path in files.paths(tuple(files.images)).values()}
    unused = [path for path in volumes if path not in used | told]
    return Folder(
        root, subjects, set_aside, notes=tuple(unopened(root, listing) + why_not_used(unused, channels or CHANNELS))
    )


def placed_files(root: Path, volumes: Sequence[Path]) -> dict[str, list[Placed]]:
    """Subject or session -> the NIfTI files in its anat/ folders, its own first."""
    found: defaultdict[str, list[Placed]] = defaultdict(list)
    for path in volumes:
        place, name = LAYOUT.fullmatch(path.relative_to(root).as_posix()), parsed(path)
        if place and name and name.subject == place[2]:
            found[name.id].append(Placed(name, place[1] or ""))
    return {case_id: sorted(files, key=lambda one: one.derivative) for case_id, files in found.items()}


def bad_folders(root: Path, listing: Listing) -> dict[str, str]:
    """Subject -> why it is set aside whatever else there is: a folder that cannot be opened, a file of another one."""
    problems = {}
    for path in listing.unreadable:
        for subject in SUBJECT.findall(path.relative_to(root).as_posix()):
            problems[subject] = f"{path} cannot be opened; check its permissions, or fetch its content if it is a link."
    for path in filter(is_nifti, listing.files):
        place, name = LAYOUT.fullmatch(path.relative_to(root).as_posix()), parsed(path)
        if place and name and name.subject != place[2]:
            problems[place[2]] = f"{path} lies in the folder of {place[2]}, but is called {name.subject}; mend one."
    return problems


def signs_of_lesions(root: Path, volumes: Sequence[Path]) -> dict[str, Path]:
    """Subject -> the first file, in any folder and format, that says by its name or place that this is a patient."""
    signs: dict[str, Path] = {}
    for path in volumes:
        within = path.relative_to(root)
        if any(says_lesion(Path(part)) for part in within.parts):
            for subject in SUBJECT.findall(within.as_posix()):
                signs.setdefault(subject, path)
    return signs


def unmasked_patient(files: SubjectFiles, sign: Path) -> str:
    """Why a subject without a lesion mask that can be used is not taken for healthy."""
    if parsed(sign) and subject_of(files.id) != files.id and f"{files.id}_" not in sign.name:
        return f"{files.id} has no lesion mask, but another session of {files.subject} has {sign}."
    return (
        f"{sign} makes {files.subject} a patient, but is no lesion mask of {files.first.name}; "
        f"put one there as {files.id}_label-lesion_mask.nii.gz, or move the file away."
    )


def subject_files(
    case_id: str, found: list[Placed], needed: tuple[str, ...], channels: tuple[str, ...]
) -> SubjectFiles:
    """The files of one subject's session, images from its own folder. BenchError when it is not clear which to use.

    Masks may be below derivatives/, too; of those, a lesion mask beside an image of the same subject is that image's.
    needed: channels without which a subject is of no use. channels: all that are taken if they are there.
    """
    images = images_of(case_id, [one for one in found if not one.derivative], needed, channels)
    first = next(iter(images.values()))
    space = first.name.space or OWN
    brain_masks = in_space([one for one in found if one.role == "brain mask"], space)
    brain_masks = [one for one in brain_masks if not one.derivative] or brain_masks
    called_so = [one for one in brain_masks if one.name.suffix.lower() != "bet"]
    brain_mask = only_one(case_id, "brain mask", called_so or brain_masks)
    lesion_mask = lesion_mask_of(case_id, first, found)
    return SubjectFiles(
        id=case_id,
        images={channel: image.path for channel, image in images.items()},
        brain_mask=brain_mask.path if brain_mask else None,
        lesion_mask=lesion_mask.path if lesion_mask else None,
    )


def images_of(case_id: str, own: list[Placed], needed: tuple[str, ...], channels: tuple[str, ...]) -> dict[str, Placed]:
    """Channel -> image, all in the space of the first one. BenchError when a needed one is lacking, or one is twice."""
    images: dict[str, Placed] = {}
    for channel in channels:
        called_so = [one for one in own if one.is_channel(channel)]
        space = next((one.name.space or OWN for one in images.values()), None)
        fitting = [one for one in called_so if space in (None, one.name.space or OWN)]
        do = "keep one, or choose others with --channels" if images else "keep one"
        if image := only_one(case_id, f"{channel} image", fitting, do):
            images[channel] = image
        elif channel in needed:
            elsewhere = f" in the space of {next(iter(images.values())).path.name}" if called_so else ""
            raise BenchError(f"{case_id} has no {channel} image{elsewhere}.")
    return images


def lesion_mask_of(case_id: str, first: Placed, found: list[Placed]) -> Placed | None:
    """The lesion mask of the first image; those called _mask go before others. BenchError when all are of others."""
    lesions = [one for one in found if one.role == "lesion"]
    image_beside = {one.derivative: one for one in found if one.derivative and one.name.suffix in OF_ITS_OWN}
    drawn_here = [one for one in lesions if one.derivative not in image_beside]
    fitting = in_space(drawn_here, first.name.space or OWN)
    if drawn_here and not fitting:
        raise BenchError(f"{drawn_here[0].path} is not in the space of {first.path.name}; resample it to that.")
    if lesions and not drawn_here:
        image = image_beside[lesions[0].derivative].path
        other_root = image.as_posix().rpartition(f"/{first.name.subject}/")[0]
        raise BenchError(
            f"{lesions[0].path} belongs to {image.name} beside it, not to {first.path}; "
            f"name {other_root} with --root, or move it out of the folder."
        )
    masks = [one for one in fitting if one.name.suffix.lower() == "mask"]
    return only_one(case_id, "lesion mask", masks or fitting)


def in_space(masks: list[Placed], space: str) -> list[Placed]:
    """Those masks that name this space, or none."""
    return [mask for mask in masks if mask.name.space in (space, None)]


def only_one(case_id: str, what: str, files: list[FileT], do: str = "keep one") -> FileT | None:
    """The one file, None when there is none, BenchError when there are several; do: what to do then."""
    if len(files) > 1:
        listed = ", ".join((file if isinstance(file, Path) else file.path).name for file in files)
        raise BenchError(f"{case_id} has {len(files)} files that could be its {what} ({listed}); {do}.")
    return files[0] if files else None


def unopened(root: Path, listing: Listing) -> list[str]:
    """What is said of folders of nobody that cannot be opened."""
    nobodys = [path for path in listing.unreadable if not SUBJECT.search(path.relative_to(root).as_posix())]
    return [f"{path} cannot be opened; what is in it is not used." for path in nobodys]


def why_not_used(paths: Sequence[Path], channels: Sequence[str]) -> list[str]:
    """What is said of images and masks of a folder that nothing is made of, a sentence for each reason."""
    formats = [path for path in paths if not is_nifti(path)]
    strangers = [path for path in paths if is_nifti(path) and parsed(path) is None]
    others = [path for path in paths if parsed(path)]
    return [
        *not_used(formats, "only .nii and .nii.gz are read"),
        *not_used(strangers, "their names do not begin with sub-"),
        *not_used(
            others,
            f"{' and '.join(channels)} images are, and masks of brain or lesion, in sub-*/anat and "
            "derivatives/*/sub-*/anat",
        ),
    ]
