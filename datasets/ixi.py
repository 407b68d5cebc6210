"""The IXI cohort of healthy adults, as a user downloaded and brain-extracted it.

Nothing is downloaded here. Get IXI-T1.tar (and IXI-T2.tar) from https://brain-development.org/ixi-dataset/
(CC BY-SA 3.0), unpack both below one folder, and put a brain mask beside each T1 image:

    IXI-T1/IXI012-HH-1211-T1.nii.gz
    IXI-T1/IXI012-HH-1211-T1_mask.nii.gz   (any name that starts like the image and ends in mask.nii.gz)
    IXI-T2/IXI012-HH-1211-T2.nii.gz
"""

from pathlib import Path

from bench.errors import BenchError
from datasets.dataset import Dataset, SetAside
from datasets.scans.bids_layout import SubjectFiles, only_one
from datasets.scans.dataset import scans_dataset
from datasets.scans.inspection import Folder
from datasets.settings import ScanSettings

NAME = "ixi"
DESCRIPTION = "IXI healthy adults as downloaded and brain-extracted by you (--root DIR)"
PAGE = "https://brain-development.org/ixi-dataset/"


class Settings(ScanSettings):
    """The folder that both archives were unpacked in."""


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The dataset `ixi`. BenchError for a folder that cannot be used; bad subjects are set aside."""
    if settings.root is None:
        raise BenchError(f"The dataset ixi needs a folder: download it from {PAGE} and name it with --root.")
    return scans_dataset(NAME, settings, cache_folder, ixi_folder(settings.root))


def ixi_folder(root: Path) -> Folder:
    """The subjects below a folder, by IXI's own file names. Where there are T2 images, subjects without are set
    aside."""
    t1w = sorted(root.rglob("IXI*-T1.nii.gz"))
    if not t1w:
        raise BenchError(f"{root} holds no image such as IXI012-HH-1211-T1.nii.gz; get them from {PAGE}.")
    t2w = {path.name.removesuffix("-T2.nii.gz"): path for path in sorted(root.rglob("IXI*-T2.nii.gz"))}
    subjects, set_aside = [], []
    for path in t1w:
        scan = path.name.removesuffix("-T1.nii.gz")
        subject = f"sub-{scan.split('-')[0]}"
        masks = sorted(path.parent.glob(f"{scan}-T1?*mask.nii.gz"))
        if t2w and scan not in t2w:
            set_aside.append(SetAside(subject, f"{subject} has no T2 image."))
            continue
        try:
            mask = only_one(subject, "brain mask", masks)
        except BenchError as problem:
            set_aside.append(SetAside(subject, str(problem)))
            continue
        images = {"T1w": path} | ({"T2w": t2w[scan]} if t2w else {})
        subjects.append(SubjectFiles(subject, images, mask))
    return Folder(root, subjects, set_aside)
