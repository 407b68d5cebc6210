"""Lazy splits, and prepared cases kept as files: one safetensors file a case, voxels of the brain only."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np

from bench.cores import on_all_cores
from bench.errors import BenchError
from bench.files import atomic_path
from bench.reporting import task
from datasets.case import BoolArray, Case, NativeGrid

Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]


class LazyCases(Sequence[Case]):
    """Cases that are read, or made and kept, when indexed.

    keys: one a case, a hash of everything that shapes it; its file in `folder` carries this name.
    make: makes the case of an index, when its file is not there yet.
    """

    def __init__(self, keys: Sequence[str], make: Callable[[int], Case], folder: Path) -> None:
        self._keys = tuple(keys)
        self._make = make
        self._folder = folder

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        indices = range(len(self))[index]  # IndexError beyond the end, negative ones from the end
        if isinstance(indices, range):
            return LazyCases([self._keys[i] for i in indices], lambda i: self._make(indices[i]), self._folder)
        return kept_case(self._path(indices), lambda: self._make(indices))

    def __iter__(self) -> Iterator[Case]:
        """In order; those that follow are read, or made, at the same time, on as many cores as there are."""
        return on_all_cores(self.__getitem__, range(len(self)))

    def missing(self, indices: Iterable[int]) -> list[int]:
        """Those of the indices whose case is not there yet."""
        return [index for index in indices if not self._path(index).exists()]

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._keys[index]}.safetensors"


class ChangedCases(Sequence[Case]):
    """Cases that are changed when they are asked for, such as by a shift; what is kept is the unchanged case."""

    def __init__(self, cases: Sequence[Case], change: Callable[[Case], Case]) -> None:
        self.unchanged, self._change = cases, change

    def __len__(self) -> int:
        return len(self.unchanged)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        if isinstance(index, slice):
            return ChangedCases(self.unchanged[index], self._change)
        return self._change(self.unchanged[index])


def make_ahead(cases: Sequence[Case], indices: Iterable[int]) -> None:
    """Make those of the cases that are not there yet, on as many cores as there are, and keep them as files.

    They are what they would be one by one. One that cannot be made is left to who asks for it, and then says why.
    Sequences that are not lazy have nothing to make.
    """
    while isinstance(cases, ChangedCases):
        cases = cases.unchanged
    missing = cases.missing(indices) if isinstance(cases, LazyCases) else []

    def make(index: int) -> None:
        with suppress(Exception):
            cases[index]

    if missing:
        with task("preparing cases", len(missing)) as tick:
            for _ in on_all_cores(make, missing):
                tick()


def kept_case(path: Path, make: Callable[[], Case]) -> Case:
    """The case kept in a file; made and kept when the file is not there or, which is said, damaged."""
    try:
        return read_case(path)
    except FileNotFoundError:
        pass
    except BenchError as problem:
        logging.getLogger(__name__).warning("%s It is made anew.", problem)
    case = make()
    write_case(path, case)
    return case


def write_case(path: Path, case: Case) -> None:
    """Write a prepared case, atomically. Its image must be -1 outside the brain mask: that is not stored."""
    from safetensors.numpy import save_file

    arrays: Arrays = {
        "image": case.image[:, case.brain_mask],
        "brain_mask": np.packbits(case.brain_mask),
        "affine": case.affine,
    }
    words: dict[str, Any] = {"id": case.id, "channels": case.channels, "shape": case.brain_mask.shape}
    if case.lesion_mask is not None:
        arrays["lesion_mask"] = np.packbits(case.lesion_mask)
    if case.native is not None:
        arrays["native_affine"] = case.native.affine
        words["native_shape"], words["native_space"] = case.native.shape, case.native.space
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    words["sha256"] = checksum(words, contiguous)
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"case": json.dumps(words)})


def read_case(path: Path) -> Case:
    """The inverse of `write_case`, bit for bit. FileNotFoundError, or BenchError when damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            words = json.loads(file.metadata()["case"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        kept = words.pop("sha256", None)  # older files have none
        if kept is not None and kept != checksum(words, arrays):
            raise ValueError("the checksum differs")
        return _case(words, arrays)
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BenchError(f"{path} is damaged.") from error


def checksum(words: dict[str, Any], arrays: Arrays) -> str:
    """SHA-256 of all that is kept of a case."""
    digest = hashlib.sha256(json.dumps(words).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()


def _case(words: dict[str, Any], arrays: Arrays) -> Case:
    """The case of what was kept of it."""
    shape = tuple(words["shape"])
    brain_mask = unpacked(arrays["brain_mask"], shape)
    image = np.full((len(words["channels"]), *shape), -1, np.float32)
    image[:, brain_mask] = arrays["image"]
    native = None
    if "native_shape" in words:
        space = words.get("native_space", NativeGrid.space)  # files of earlier versions do not say
        native = NativeGrid(tuple(words["native_shape"]), arrays["native_affine"], space)
    return Case(
        id=words["id"],
        image=image,
        brain_mask=brain_mask,
        lesion_mask=unpacked(arrays["lesion_mask"], shape) if "lesion_mask" in arrays else None,
        affine=arrays["affine"],
        channels=tuple(words["channels"]),
        native=native,
    )


def unpacked(bits: np.ndarray[Any, Any], shape: tuple[int, ...]) -> BoolArray:
    """The inverse of `np.packbits`."""
    return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)
