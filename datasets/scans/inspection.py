"""Look at every subject once: is it usable, what is its content, where does its brain lie."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.files import write_json
from bench.reporting import task
from datasets.case import NativeGrid
from datasets.dataset import SetAside
from datasets.fingerprint import file_hash, fingerprint
from datasets.preparing import preparation
from datasets.preparing.preparation import Extent
from datasets.scans import reading
from datasets.scans.bids_layout import Folder, SubjectFiles

NOTE = 2  # what is remembered of a subject: raise it when that changes


@dataclass(frozen=True)
class Subject:
    """A usable subject: its files, the hash of each by its role, and where its brain lies on its grid.

    image: hash of the first channel's values, by which an image is known under another name or compressed anew.
    """

    files: SubjectFiles
    content: dict[str, str]
    extent: Extent
    image: str

    @property
    def id(self) -> str:
        return self.files.id


def usable_subjects(
    folder: Folder, channels: tuple[str, ...], cache_folder: Path
) -> tuple[list[Subject], list[SetAside]]:
    """The subjects that can be used, each image once, and those that are set aside here. BenchError if none is left."""

    def tried(files: SubjectFiles) -> Subject | str:
        try:
            return inspected(files, channels, cache_folder)
        except BenchError as problem:
            return str(problem)

    results = []
    with (
        task(f"reading {folder.root.name}", len(folder.subjects)) as tick,
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
    ):
        for files, result in zip(folder.subjects, pool.map(tried, folder.subjects), strict=True):
            results.append(result)
            tick(note=files.id)
    usable: dict[str, Subject] = {}
    set_aside: list[SetAside] = []
    for files, result in zip(folder.subjects, results, strict=True):
        if isinstance(result, str):
            set_aside.append(SetAside(files.id, result))
            continue
        kept = usable.setdefault(result.image, result)
        if kept is not result:
            if result.files.lesion_mask and not kept.files.lesion_mask:  # one is a patient, so both are
                kept, result, usable[result.image] = result, kept, result
            set_aside.append(SetAside(result.id, f"{result.id} has the same image as {kept.id}; remove one."))
    if not usable:
        problems = [*folder.set_aside, *set_aside]
        problem = f"; the first problem: {problems[0].reason}" if problems else "."
        raise BenchError(f"No subject of {folder.root} can be used{problem}")
    return list(usable.values()), set_aside


def inspected(files: SubjectFiles, channels: tuple[str, ...], cache_folder: Path) -> Subject:
    """Read a subject's files and check them; remembered for as long as the files stay as they are.

    BenchError when they cannot be used; that is not remembered.
    """
    paths = files.paths(channels)
    stamps = [file_stamp(path) for path in paths.values()]
    note = (
        cache_folder / "inspected" / f"{fingerprint([reading.VERSION, reading.CHECKS, NOTE, list(paths), stamps])}.json"
    )
    if note.exists():
        known = json.loads(note.read_text())
        grid = NativeGrid(tuple(known["shape"]), np.array(known["affine"]))
        extent = Extent(grid, tuple(known["first"]), tuple(known["last"]))
        return Subject(files, known["content"], extent, known["image"])
    scan = reading.read_scan(files, channels)
    extent = preparation.extent(scan.brain_mask, scan.affine)
    content = {role: file_hash(path) for role, path in paths.items()}
    image = hashlib.sha256(np.ascontiguousarray(scan.images[0]).tobytes()).hexdigest()
    remembered = {
        "content": content,
        "image": image,
        "shape": extent.grid.shape,
        "affine": extent.grid.affine.tolist(),
        "first": extent.first,
        "last": extent.last,
    }
    write_json(note, remembered)
    return Subject(files, content, extent, image)


def file_stamp(path: Path) -> list[Any]:
    """What changes when a file does. BenchError when it is not there, as with a link not fetched yet."""
    try:
        status = path.stat()
    except OSError:
        raise BenchError(f"{path} cannot be opened; fetch its content if it is a link.") from None
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
