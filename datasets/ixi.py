"""The IXI cohort of healthy adults, as a user downloaded and brain-extracted it.

Nothing is downloaded here. Get IXI-T1.tar (and IXI-T2.tar) from https://brain-development.org/ixi-dataset/
(CC BY-SA 3.0), unpack both below one folder, and put a brain mask beside each T1 image:

    IXI-T1/IXI012-HH-1211-T1.nii.gz
    IXI-T1/IXI012-HH-1211-T1_mask.nii.gz   (any name that starts like the image and ends in mask.nii.gz)
    IXI-T2/IXI012-HH-1211-T2.nii.gz        (and IXI-PD likewise)
"""

import re
from collections import defaultdict
from pathlib import Path

from bench.errors import BenchError
from datasets.dataset import Dataset, SetAside
from datasets.scans.bids_layout import Folder, SubjectFiles, only_one
from datasets.scans.dataset import scans_dataset
from datasets.scans.listing import listed, not_used
from datasets.scans.names import is_volume, says_lesion
from datasets.settings import ScanSettings

NAME = "ixi"
DESCRIPTION = "IXI healthy adults as downloaded and brain-extracted by you (--root DIR)"
PAGE = "https://brain-development.org/ixi-dataset/"
NAMES = {"T1w": "T1", "T2w": "T2", "PDw": "PD"}  # as IXI calls the channels
SCAN = re.compile(r"(IXI.+?)-(?:T1|T2|PD)(?=[-_.])")
MASK = re.compile(r"-T1[-_.].*mask\.nii(\.gz)?$", re.IGNORECASE)
SUBJECT = re.compile(r"IXI[^-_.]+")


class Settings(ScanSettings):
    """The folder that both archives were unpacked in."""


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The dataset `ixi`. BenchError for a folder that cannot be used; bad subjects are set aside."""
    if settings.root is None:
        raise BenchError(f"The dataset ixi needs a folder: download it from {PAGE} and name it with --root.")
    return scans_dataset(NAME, settings, cache_folder, ixi_folder(settings.root, settings.channels))


def ixi_folder(root: Path, channels: tuple[str, ...] | None = None) -> Folder:
    """The subjects below a folder, by IXI's own file names. Where there are T2 or PD images, subjects without are set
    aside, and so are those of whom a name speaks of a lesion.

    channels: T1w, on which masks lie, and others; None: all that there are.
    """
    if channels is not None and (channels[0] != "T1w" or not set(channels) <= NAMES.keys()):
        raise BenchError(f"The dataset {NAME} has {', '.join(NAMES)}, and masks on T1w: begin --channels with T1w.")
    if not root.is_dir():
        raise BenchError(f"The folder {root} does not exist; check --root, or get the images from {PAGE}.")
    listing = listed(root)
    volumes = [path for path in listing.files if is_volume(path)]
    scans: defaultdict[str, list[Path]] = defaultdict(list)  # such as IXI012-HH-1211 -> its files
    for path in volumes:
        if known := SCAN.match(path.name):
            scans[known[1]].append(path)
    if not any(is_scan(path, "T1w") for paths in scans.values() for path in paths):
        raise BenchError(f"{root} holds no image such as IXI012-HH-1211-T1.nii.gz; get them from {PAGE}.")
    there = {channel for channel in NAMES for paths in scans.values() for path in paths if is_scan(path, channel)}
    channels = channels or tuple(channel for channel in NAMES if channel in there)
    signs = {known[0]: path for path in volumes if says_lesion(path) and (known := SUBJECT.search(path.name))}
    subjects: dict[str, SubjectFiles] = {}
    set_aside = []
    for scan, paths in scans.items():
        name = scan.split("-")[0]
        subject = f"sub-{name}"
        try:
            if subject in subjects:
                raise BenchError(f"{subject} has another scan, {scan}; each counts once.")
            if name in signs:
                raise BenchError(f"{signs[name]} makes {subject} a patient; bring patients with --dataset bids.")
            subjects[subject] = scan_files(subject, paths, channels)
        except BenchError as problem:
            set_aside.append(SetAside(subject, str(problem)))
    used = {path for files in subjects.values() for path in files.paths(tuple(files.images)).values()}
    told = {path for scan, paths in scans.items() if f"sub-{scan.split('-')[0]}" not in subjects for path in paths}
    others = [path for path in volumes if path not in used | told]
    notes = [f"{path} cannot be opened; what is in it is not used." for path in listing.unreadable]
    notes += not_used(others, "their names are none of IXI's, as IXI012-HH-1211-T1.nii.gz and ...-T1_mask.nii.gz")
    return Folder(root, list(subjects.values()), set_aside, notes=tuple(notes))


def scan_files(subject: str, paths: list[Path], channels: tuple[str, ...]) -> SubjectFiles:
    """The files of one scan. BenchError when one is lacking or ambiguous."""
    images = {}
    for channel in channels:
        what = f"{NAMES[channel]} image"
        image = only_one(subject, what, [path for path in paths if is_scan(path, channel)])
        if image is None:
            raise BenchError(f"{subject} has no {what}.")
        images[channel] = image
    masks = [path for path in paths if path.parent == images["T1w"].parent and MASK.search(path.name)]
    return SubjectFiles(subject, images, only_one(subject, "brain mask", masks))


def is_scan(path: Path, channel: str) -> bool:
    """Whether it is the image itself, as IXI012-HH-1211-T1.nii.gz."""
    return re.search(rf"-{NAMES[channel]}\.nii(\.gz)?$", path.name, re.IGNORECASE) is not None
