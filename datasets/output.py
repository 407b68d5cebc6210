"""Folders that commands write to: marked before the first volume, so that nothing of a user's is overwritten."""

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import JsonValue

from bench.errors import BenchError
from bench.files import write_json, write_text
from datasets.scans.names import NIFTI

DESCRIPTION = "dataset_description.json"  # BIDS wants one
BIDS_VERSION = "1.10.0"
BRAIN: dict[str, JsonValue] = {"Type": "Brain"}  # what the sidecars of masks say
LESION: dict[str, JsonValue] = {"Type": "Lesion"}
SOURCE = "source"  # what sidecars call the folder that a derivative was made from
PACKAGE = "brain-anomaly-bench"


def noted(folder: Path, command: str) -> dict[str, JsonValue] | None:
    """What a command noted when it began to write to a folder; None for a folder that is new, or empty.

    BenchError, with nothing touched, when the folder holds anything that the command did not make.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise BenchError(f"{folder} is no folder: name another one.")
    others = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not others:
        return None
    try:
        note: dict[str, JsonValue] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        ours = [one["Name"] for one in note["GeneratedBy"]] == [command]  # type: ignore[index, union-attr, call-overload]
    except (OSError, ValueError, TypeError, LookupError):
        ours = False
    if not ours:
        raise BenchError(
            f"{folder} holds files that `{command}` did not make, such as {others[0].name}: name a new one."
        )
    return note


def note(
    folder: Path, command: str, name: str, words: Mapping[str, JsonValue], source: Path | None = None, ignored: str = ""
) -> None:
    """Mark a folder as a BIDS derivative written by a command.

    Args:
        command: What wrote it, as `noted` knows it again.
        name: The dataset's.
        words: What else `noted` is to give again.
        source: The folder that it was made from, if there is one.
        ignored: Files that BIDS has no names for, a pattern a line: .bidsignore.
    """
    made_by: dict[str, JsonValue] = {"Name": command}
    with suppress(PackageNotFoundError):  # run from a checkout that is not installed
        made_by["Version"] = version(PACKAGE)
    head: dict[str, JsonValue] = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
    }
    if source is not None:
        uri = source.resolve().as_uri()
        head |= {"SourceDatasets": [{"URL": uri}], "DatasetLinks": {SOURCE: uri}}
    if ignored:
        write_text(folder / ".bidsignore", ignored)
    write_json(folder / DESCRIPTION, {**head, **words})


def describe(path: Path, words: Mapping[str, JsonValue]) -> None:
    """Write the sidecar of an image, its name with .json; one that is there already is left alone."""
    sidecar = path.with_name(NIFTI.sub("", path.name) + ".json")
    if not sidecar.exists():
        write_json(sidecar, dict(words))


def source_uri(path: Path, root: Path) -> str:
    """A file of the source folder, as sidecars name it."""
    return f"bids:{SOURCE}:{path.relative_to(root).as_posix()}"
