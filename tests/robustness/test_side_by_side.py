"""Ten commands at once in one workspace: a complete board, each run in MLflow once, what is learned is trained once.

python -m pytest -m slow -s tests/robustness/test_side_by_side.py
"""

import shutil
from pathlib import Path

import pytest

from tests.robustness.commands import begin, board, complaint, ended, strays, tracked
from tests.robustness.inputs import copy_input, make_scans

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_server")]

COMMANDS = 10
METHODS = ("zscore", "highpass", "random", "ae")
SPLITS = ("train", "train", "validation", "test", "test", "test")
RUN = ("run", "--dataset", "bids", "--root", "B", "--lesion-set", "plain", "--threads", "1")
STEPS = 5  # of the one training
TOY = ("--set", f"autoencoder.iterations={STEPS}", "--set", "autoencoder.channels=[4,8]")
EVALUATE = ("evaluate", "maps", "--labels", "labels", "--healthy-maps", "healthy", "--brain-masks", "labels")


def options(*methods: str) -> list[str]:
    """Of a run of these methods."""
    named = [word for method in methods for word in ("--method", method)]
    return [*RUN, *named, *(TOY if "ae" in methods else ())]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with three subjects to test on."""
    make_scans(tmp_path)
    rows = [f"sub-{index}\t{split}" for index, split in enumerate(SPLITS, 1)]
    (tmp_path / "B" / "participants.tsv").write_text("\n".join(["participant_id\tsplit", *rows]) + "\n")
    return tmp_path


@pytest.fixture
def expected(scans: Path) -> list[tuple[str, ...]]:
    """The board of one command alone."""
    alone = scans / "alone"
    shutil.copytree(scans / "B", alone / "B")
    assert ended(begin(alone, options(*METHODS))) == 0, (alone / "log.txt").read_text()
    found = board(alone)
    assert [row[:3] for row in found] == [(method, "finished", "3/3") for method in sorted(METHODS)]
    return found


@pytest.mark.parametrize("each", ["one method", "all methods"])
def test_ten_runs_end_with_the_board_of_one(each: str, scans: Path, expected: list[tuple[str, ...]]) -> None:
    chosen = [METHODS if each == "all methods" else METHODS[k % len(METHODS)].split() for k in range(COMMANDS)]
    commands = [begin(scans, options(*methods)) for methods in chosen]
    log = scans / "log.txt"
    assert [ended(command) for command in commands] == [0] * COMMANDS, log.read_text()
    assert complaint(scans, expected) == []
    assert strays(scans) == []
    assert log.read_text().count(f"training the autoencoder {STEPS}/{STEPS}") == 1


def test_ten_evaluations_make_one_run(originals: Path, tmp_path: Path) -> None:
    copy_input(originals, "evaluate", tmp_path)
    for kind, what in (("maps", "anomaly"), ("labels", "desc-brain_mask")):
        target = tmp_path / kind.replace("maps", "healthy") / f"sub-4_{what}.nii.gz"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / kind / f"sub-1_{what}.nii.gz", target)
    commands = [begin(tmp_path, EVALUATE) for _ in range(COMMANDS)]
    assert [ended(command) for command in commands] == [0] * COMMANDS, (tmp_path / "log.txt").read_text()
    assert [row[:3] for row in board(tmp_path)] == [("maps", "finished", "3/3")]
    assert tracked(tmp_path) == {("maps", "FINISHED"): 1}
    assert strays(tmp_path) == []
