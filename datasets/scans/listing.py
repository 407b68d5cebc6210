"""What lies below a folder: links are followed, hidden files and folders left out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TABLES = (".tsv", ".csv", ".txt", ".xlsx", ".xls", ".ods")


@dataclass(frozen=True)
class Listing:
    """All files and folders below a folder, sorted; and the folders and links that cannot be opened."""

    files: list[Path]
    folders: list[Path]
    unreadable: list[Path]


def listed(folder: Path, without: Path | None = None) -> Listing:
    """Look into a folder and all below it but `without`; one that a link leads back into is not entered again."""
    apart = os.path.realpath(without) if without else None
    files, folders, unreadable = [], [], []
    waiting: list[tuple[Path, frozenset[str]]] = [(folder, frozenset())]
    while waiting:
        place, above = waiting.pop()
        real = os.path.realpath(place)
        if real in above or real == apart:
            continue
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except OSError:
            unreadable.append(place)
            continue
        for entry in entries:
            path = place / entry.name
            if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises where a link's target may not be looked at
                folders.append(path)
                waiting.append((path, above | {real}))
            elif entry.is_symlink() and not path.suffix and not os.path.exists(path):  # noqa: PTH110
                unreadable.append(path)  # a link to a folder that is gone
            else:
                files.append(path)
    return Listing(sorted(files), sorted(folders), sorted(unreadable))


def tables_in(folder: Path) -> list[Path]:
    """The tables directly in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES and path.name[0] != ".")


def not_used(paths: Sequence[Path], why: str) -> list[str]:
    """One sentence that counts files and names the first, none where there are no files.

    why: such as "their names do not begin with sub-".
    """
    if not paths:
        return []
    counted = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
    return [f"{counted} not used, such as {paths[0]}: {why}."]
