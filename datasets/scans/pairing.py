"""Which file belongs to which subject: by the id that its name begins with, never by its place in a listing."""

from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from datasets.scans.names import parsed


def nifti_files(folder: Path) -> list[Path]:
    """All NIfTI files in a folder and below whose names begin with a subject's id, sorted.

    BenchError when the folder is not there or holds none.
    """
    if not folder.is_dir():
        raise BenchError(f"The folder {folder} does not exist.")
    files = [path for path in sorted(folder.rglob("*.nii*")) if path.name.endswith((".nii", ".nii.gz"))]
    named = [path for path in files if parsed(path)]
    if not named:
        example = f", only such as {files[0].name}" if files else ""
        raise BenchError(f"{folder} holds no NIfTI file whose name begins with a subject, as sub-01.nii.gz{example}.")
    return named


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
