"""Which file belongs to which subject: by the id that its name begins with, never by its place in a listing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from datasets.scans.listing import listed
from datasets.scans.names import is_nifti, parsed


@dataclass(frozen=True)
class NiftiFiles:
    """NIfTI files in a folder and below, sorted: those whose names begin with a subject's id, and the others."""

    named: list[Path]
    strangers: list[Path]


def nifti_files(folder: Path) -> NiftiFiles:
    """All NIfTI files in a folder and below; links are followed.

    BenchError when the folder or one below cannot be opened, or when no file is named after a subject.
    """
    if not folder.is_dir():
        raise BenchError(f"The folder {folder} does not exist.")
    listing = listed(folder)
    if listing.unreadable:
        raise BenchError(f"{listing.unreadable[0]} cannot be opened; check its permissions or where the link leads.")
    files = [path for path in listing.files if is_nifti(path)]
    found = NiftiFiles([path for path in files if parsed(path)], [path for path in files if not parsed(path)])
    if not found.named:
        example = f", only such as {files[0].name}" if files else ""
        raise BenchError(f"{folder} holds no NIfTI file whose name begins with a subject, as sub-01.nii.gz{example}.")
    return found


def by_subject(files: Iterable[Path], what: str) -> dict[str, Path]:
    """Subject id -> its file. BenchError, naming both, when a subject has two.

    what: such as "anomaly map", for the sentence.
    """
    found: dict[str, Path] = {}
    for path in files:
        name = parsed(path)
        if name is None:
            continue
        other = found.setdefault(name.id, path)
        if other != path:
            raise BenchError(f"{name.id} has two files that could be its {what}, {other} and {path}: keep one.")
    return found
