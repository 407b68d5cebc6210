import itertools
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import bench.cores
from bench.errors import BenchError
from datasets.cache import ChangedCases, LazyCases, kept_case, make_ahead, read_case, write_case
from datasets.case import Case, NativeGrid
from datasets.fingerprint import fingerprint
from datasets.lesions.identity import lesion_identity
from datasets.lesions.settings import LesionSettings


def some_case(name: str = "sub-01") -> Case:
    rng = np.random.default_rng(0)
    brain_mask = rng.random((5, 6, 7)) > 0.5
    image = np.where(brain_mask, rng.uniform(-1, 1, (2, 5, 6, 7)), -1).astype(np.float32)
    lesion_mask = brain_mask & (rng.random((5, 6, 7)) > 0.8)
    native = NativeGrid((9, 8, 7), np.diag([1.0, 1.1, 1.2, 1.0]))
    return Case(name, image, brain_mask, lesion_mask, np.diag([2.0, 2, 2, 1]), ("T1w", "T2w"), native)


def assert_same(one: Case, other: Case) -> None:
    assert (one.id, one.channels) == (other.id, other.channels)
    for array in ("image", "brain_mask", "affine"):
        assert np.array_equal(getattr(one, array), getattr(other, array))
        assert getattr(one, array).dtype == getattr(other, array).dtype
    assert (one.lesion_mask is None) == (other.lesion_mask is None)
    if one.lesion_mask is not None:
        assert np.array_equal(one.lesion_mask, other.lesion_mask)
    assert (one.native is None) == (other.native is None)
    if one.native is not None:
        assert one.native.shape == other.native.shape
        assert np.array_equal(one.native.affine, other.native.affine)


@pytest.mark.parametrize("case", [some_case(), replace(some_case(), lesion_mask=None, native=None)])
def test_round_trip_is_exact(tmp_path: Path, case: Case):
    write_case(tmp_path / "case.safetensors", case)
    assert_same(read_case(tmp_path / "case.safetensors"), case)


def test_made_once_then_read(tmp_path: Path):
    made = []

    def make(index: int) -> Case:
        made.append(index)
        return some_case(f"sub-{index}")

    cases = LazyCases(["a", "b", "c"], make, tmp_path)
    assert len(cases) == 3
    assert made == []
    assert cases[1].id == "sub-1"
    assert cases[-1].id == "sub-2"
    assert [case.id for case in cases[1:]] == ["sub-1", "sub-2"]
    assert made == [1, 2]
    with pytest.raises(IndexError):
        cases[3]
    assert [case.id for case in cases] == ["sub-0", "sub-1", "sub-2"]


def test_damaged_file_is_made_again(tmp_path: Path):
    path = tmp_path / "case.safetensors"
    write_case(path, some_case())
    os.truncate(path, path.stat().st_size // 2)
    assert_same(kept_case(path, some_case), some_case())
    assert_same(read_case(path), some_case())


def test_fingerprint_knows_content_not_order():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint([1, 2]) != fingerprint([2, 1])


def test_atlas_counts_by_content(tmp_path: Path):
    for place, content in (("here", b"1"), ("there", b"1"), ("elsewhere", b"2")):
        (tmp_path / place / "50").mkdir(parents=True)
        (tmp_path / place / "50" / "1.nii.gz").write_bytes(content)
    here, there, elsewhere = (
        lesion_identity(LesionSettings(atlas=tmp_path / place)) for place in ("here", "there", "elsewhere")
    )
    assert here == there != elsewhere
    assert here != lesion_identity(LesionSettings())


def test_an_empty_atlas_is_refused(tmp_path: Path):
    with pytest.raises(BenchError, match=r"holds no .nii.gz file; check --lesion-atlas"):
        lesion_identity(LesionSettings(atlas=tmp_path))


def test_a_flipped_byte_anywhere_is_damage_or_does_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "case.safetensors"
    write_case(path, some_case())
    whole = path.read_bytes()
    damaged = 0
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert_same(read_case(path), some_case())
        except BenchError as problem:
            assert str(problem) == f"{path} is damaged."
            damaged += 1
    assert damaged > 0.9 * len(range(0, len(whole), 7))
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert_same(kept_case(path, some_case), some_case())
    assert f"{path} is damaged. It is made anew." in caplog.text
    assert path.read_bytes() == whole


def test_cases_kept_without_a_checksum_are_read(tmp_path: Path):
    path = tmp_path / "case.safetensors"
    write_case(path, some_case())
    with safe_open(path, framework="numpy") as file:
        arrays, words = {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["case"])  # noqa: SIM118
    assert len(words.pop("sha256")) == 64
    save_file(arrays, path, metadata={"case": json.dumps(words)})
    assert_same(read_case(path), some_case())


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.cores, "available_cores", lambda: 4)


class Made:
    """Eight cases that tell how many of them are made at once; number 5 cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.together = threading.Barrier(3, timeout=10)
        self.indices: list[int] = []
        self.cases = LazyCases([f"case-{index}" for index in range(8)], self.make, folder)

    def make(self, index: int) -> Case:
        self.indices.append(index)
        if index in (1, 2, 3):
            self.together.wait()  # BrokenBarrierError unless three are made at the same time
        if index == 5:
            raise BenchError("number 5 is broken")
        return some_case(f"sub-{index}")


def test_cases_are_made_ahead_at_the_same_time_and_as_they_are_one_by_one(tmp_path: Path, four_cores) -> None:
    made = Made(tmp_path / "ahead")
    make_ahead(made.cases, [0, 1, 2, 3, 5, 6])
    assert sorted(made.indices) == [0, 1, 2, 3, 5, 6] and made.indices[0] == 0
    assert made.cases.missing(range(8)) == [4, 5, 7]
    one_by_one = LazyCases(["case-3"], lambda index: some_case("sub-3"), tmp_path / "alone")
    assert_same(made.cases[3], one_by_one[0])
    with pytest.raises(BenchError, match="number 5 is broken"):  # who asks for it is told
        made.cases[5]
    make_ahead([some_case()], [0])  # nothing to make


def test_cases_that_are_changed_when_asked_for_are_made_ahead_too(tmp_path: Path) -> None:
    made = Made(tmp_path)
    changed = ChangedCases(made.cases, Case.without_lesion_mask)
    make_ahead(ChangedCases(changed, Case.without_lesion_mask), [4, 6])
    assert made.cases.missing(range(4, 8)) == [5, 7]
    assert changed[6].id == "sub-6" and changed[6].lesion_mask is None
    assert [case.id for case in changed[6:]] == ["sub-6", "sub-7"] and len(changed) == len(made.cases)


def test_going_through_cases_makes_the_next_ones_meanwhile(tmp_path: Path, four_cores) -> None:
    made = Made(tmp_path)
    going = iter(made.cases)
    assert [next(going).id for _ in range(5)] == [f"sub-{index}" for index in range(5)]
    with pytest.raises(BenchError, match="number 5 is broken"):
        next(going)
    assert [case.id for case in made.cases[:5]] == [f"sub-{index}" for index in range(5)]
    begun = len(made.indices)
    assert next(iter(made.cases[6:])).id == "sub-6"
    assert len(made.indices) == begun  # what was made ahead is there


def test_going_through_the_first_ones_does_not_make_all(tmp_path: Path, four_cores) -> None:
    indices = []

    def make(index: int) -> Case:
        indices.append(index)
        return some_case(f"sub-{index}")

    cases = LazyCases([f"case-{index}" for index in range(50)], make, tmp_path)
    assert [case.id for case in itertools.islice(cases, 3)] == ["sub-0", "sub-1", "sub-2"]
    assert len(indices) <= 3 + 4
