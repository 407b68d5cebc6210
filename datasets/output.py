"""Folders that commands write to: marked before the first volume, so that nothing of a user's is overwritten."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from bench.errors import BenchError
from bench.files import write_json

DESCRIPTION = "dataset_description.json"  # BIDS wants one


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
        ours = note["GeneratedBy"] == [{"Name": command}]
    except (OSError, ValueError, TypeError, LookupError):
        ours = False
    if not ours:
        raise BenchError(
            f"{folder} holds files that `{command}` did not make, such as {others[0].name}: name a new one."
        )
    return note


def note(folder: Path, command: str, name: str, words: Mapping[str, JsonValue]) -> None:
    """Mark a folder as written by a command, with what `noted` is to give again."""
    head = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": command}]}
    write_json(folder / DESCRIPTION, {**head, **words})
