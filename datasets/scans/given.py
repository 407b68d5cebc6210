"""Scans that somebody names to have them looked at: files, folders of files, BIDS folders; healthy or not.

Nothing is learned from them, so that nothing is asked about lesions, and masks of lesions are passed over.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError
from datasets.dataset import SetAside
from datasets.scans.bids_layout import SubjectFiles, find_subjects, holds_bids, only_one
from datasets.scans.listing import listed, not_used
from datasets.scans.names import IMAGES, NIFTI, is_nifti, is_volume, parsed, role

MASK_ENDINGS = ("mask", "seg", "label", "labels", "roi", "anomaly")
CONTRASTS = {"t1": "T1w", "t1n": "T1w", "t2": "T2w", "pd": "PDw", "flair": "FLAIR", "t2f": "FLAIR"}  # beside BIDS's own


@dataclass(frozen=True)
class Given:
    """The scans that were named, each with the channels asked for, and those that cannot be used."""

    subjects: list[SubjectFiles]
    set_aside: list[SetAside]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """An image by its name: whose it is, and of which contrast; None where the name says none."""

    path: Path
    id: str
    contrast: str | None


def given_scans(paths: Sequence[Path], channels: tuple[str, ...], without: Path | None = None) -> Given:
    """Find the scans.

    Args:
        paths: Files and folders.
        channels: That each scan is to have.
        without: A folder below that is not looked into, such as that of results.

    Raises:
        BenchError: When a path does not exist, or when nothing is found.
    """
    found: list[SubjectFiles] = []
    set_aside: list[SetAside] = []
    notes: list[str] = []
    loose: list[Path] = []
    for path in paths:
        if path.is_dir() and holds_bids(path, without):
            folder = find_subjects(path, without, to_learn_from=False, channels=channels)
            found += [
                replace(one, images={c: one.images[c] for c in channels if c in one.images}) for one in folder.subjects
            ]
            set_aside += folder.set_aside
            notes += folder.notes
        elif path.is_dir():
            images, others = images_in(path, without)
            loose += images
            notes += others
        elif not path.exists():
            raise BenchError(f"{path} does not exist; name a scan, a folder of scans or a BIDS folder.")
        elif not is_nifti(path):
            raise BenchError(f"{path} is no NIfTI file by its name, only .nii and .nii.gz are read; convert it.")
        elif is_mask(path):
            raise BenchError(f"{path} is a mask by its name; name the scan, its mask is found beside it.")
        else:
            loose.append(path)
    more, bad = subjects_of(loose, channels)
    found, twice = each_once([*found, *more])
    usable, lacking = with_channels(found, channels)
    given = Given(sorted(usable, key=lambda one: one.id), [*set_aside, *bad, *twice, *lacking], tuple(notes))
    if not given.subjects and not given.set_aside:
        raise BenchError(f"{paths[0]} holds no NIfTI image; name a scan, a folder of scans or a BIDS folder.")
    return given


def images_in(folder: Path, without: Path | None) -> tuple[list[Path], list[str]]:
    """The NIfTI images in a folder and below, and what is to be said of the rest."""
    listing = listed(folder, without)
    volumes = [path for path in listing.files if is_volume(path)]
    notes = [f"{path} cannot be opened; what is in it is not used." for path in listing.unreadable]
    notes += not_used([path for path in volumes if not is_nifti(path)], "only .nii and .nii.gz are read")
    return [path for path in volumes if is_nifti(path) and not is_mask(path)], notes


def is_mask(path: Path) -> bool:
    """Whether a name is that of a mask or a map, and not of an image."""
    return role(path) in ("brain mask", "lesion") or NIFTI.sub("", path.name).lower().endswith(MASK_ENDINGS)


def subjects_of(paths: Iterable[Path], channels: tuple[str, ...]) -> tuple[list[SubjectFiles], list[SetAside]]:
    """Images by their names, those of one subject together with what lies beside them."""
    groups: defaultdict[str, dict[Path, Named]] = defaultdict(dict)
    for path in paths:
        one = named(path)
        beside = [named(other) for other in sorted(path.parent.iterdir()) if is_nifti(other) and not is_mask(other)]
        groups[one.id][path] = one
        if len(channels) > 1:
            groups[one.id] |= {
                other.path: other for other in beside if other.id == one.id and other.contrast in channels
            }
    subjects, set_aside = [], []
    for case_id, images in groups.items():
        try:
            subjects.append(subject(case_id, list(images.values()), channels))
        except BenchError as problem:
            set_aside.append(SetAside(case_id, str(problem)))
    return subjects, set_aside


def subject(case_id: str, images: list[Named], channels: tuple[str, ...]) -> SubjectFiles:
    """One subject's files. BenchError when none of them is of a channel, or several are of one."""
    chosen = {}
    for channel in channels:
        fitting = [
            one.path for one in images if one.contrast == channel or (one.contrast is None and len(channels) == 1)
        ]
        if path := only_one(case_id, f"{channel} image", fitting):
            chosen[channel] = path
    if not chosen:
        other = images[0]
        told = f"a {other.contrast} image" if other.contrast else "of no contrast"
        raise BenchError(
            f"{other.path} is {told} by its name, but {' and '.join(channels)} is needed; name it as in "
            f"{case_id}_{channels[0]}.nii.gz."
        )
    first = next(iter(chosen.values()))
    return SubjectFiles(case_id, chosen, only_one(case_id, "brain mask", masks_beside(first)))


def named(path: Path) -> Named:
    """What an image's name says. An id without `sub-` is made of the letters and digits of the name."""
    stem = NIFTI.sub("", path.name)
    *before, last = stem.replace("-", "_").split("_")
    contrast = CONTRASTS.get(last.lower(), IMAGES.get(last.lower()))
    if bids := parsed(path):
        return Named(path, bids.id, contrast)
    words = "".join(before) if contrast and before else stem
    return Named(path, "sub-" + ("".join(filter(str.isalnum, words)) or "unnamed"), contrast)


def masks_beside(image: Path) -> list[Path]:
    """Brain masks beside an image: those that begin like it, and those of BIDS of the same subject."""
    stem, own = NIFTI.sub("", image.name), parsed(image)
    found = []
    for path in sorted(image.parent.iterdir()):
        if not is_nifti(path) or path == image:
            continue
        other = parsed(path)
        like_it = NIFTI.sub("", path.name).lower().endswith("mask") and path.name.startswith(stem)
        if (role(path) == "brain mask" and own and other and own.id == other.id) or (
            like_it and role(path) != "lesion"
        ):
            found.append(path)
    return found


def each_once(subjects: Sequence[SubjectFiles]) -> tuple[list[SubjectFiles], list[SetAside]]:
    """The first of each id, and the others."""
    kept: dict[str, SubjectFiles] = {}
    twice = []
    for one in subjects:
        first = kept.setdefault(one.id, one)
        paths = [next(iter(each.images.values()), None) for each in (one, first)]
        if first is not one and paths[0] != paths[1]:
            twice.append(SetAside(one.id, f"{paths[0]} would be called {one.id}, as {paths[1]} is; rename one."))
    return list(kept.values()), twice


def with_channels(
    subjects: Sequence[SubjectFiles], channels: tuple[str, ...]
) -> tuple[list[SubjectFiles], list[SetAside]]:
    """Those that have all channels, and those that lack one."""
    usable, lacking = [], []
    for one in subjects:
        missing = [channel for channel in channels if channel not in one.images]
        if missing:
            there = next((str(path) for path in one.images.values()), one.id)
            reason = f"{there} has no {missing[0]} image beside it; the model needs {' and '.join(channels)}."
            lacking.append(SetAside(one.id, reason))
        else:
            usable.append(one)
    return usable, lacking
