"""Small inputs E and B, commands on them in this process, and what is wrong with an answer to a broken input."""

import hashlib
import os
import re
import shutil
import signal
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli
from bench.results import load_run
from bench.runs.tracking import Tracker
from bench.runs.workspace import Workspace

LONGEST_S = 60
NOBODY = 65534  # whose eyes a chmod hides files from, where the tests run as root
LONGEST_LINE = 700  # characters of a sentence
PROGRESS = re.compile(r"^[^:]*: [a-z ]+ \d+/\d+|^[\w -]+ \d+/\d+")
OTHERS_WORDS = re.compile(r"\b[A-Z][A-Za-z]*(Error|Exception|Warning)\b")
METHOD = ["--method", "zscore", "--threads", "1", "--protocol", "paper-fpr5"]
SCANS = ["--dataset", "bids", "--root", "B", "--lesion-set", "none"]
COMMANDS = {
    "evaluate": ["evaluate", "maps", "--labels", "labels"],
    "run": ["run", *METHOD, *SCANS],
    "simulate-lesions": ["simulate-lesions", "B", "OUT", "--lesion-load-ml", "4"],
}


def write_nifti(path: Path, volume: np.ndarray, affine: np.ndarray) -> None:
    """A NIfTI file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(volume, affine).to_filename(path)


def make_maps(root: Path) -> None:
    """Input E: three subjects, 20x18x16 at 2 mm; a map is uniform noise + 2 x lesion."""
    affine = np.diag([2.0, 2, 2, 1])
    for index in (1, 2, 3):
        brain, lesion = np.zeros((2, 20, 18, 16), np.uint8)
        brain[2:18, 2:16, 2:14] = 1
        lesion[4 + index : 7 + index, 6:9, 6:9] = 1
        noise = np.random.default_rng(index).uniform(0, 1, brain.shape)
        write_nifti(root / "labels" / f"sub-{index}_label-lesion_mask.nii.gz", lesion, affine)
        write_nifti(root / "labels" / f"sub-{index}_desc-brain_mask.nii.gz", brain, affine)
        write_nifti(root / "maps" / f"sub-{index}_anomaly.nii.gz", (noise + 2 * lesion).astype(np.float32), affine)


def make_scans(root: Path) -> None:
    """Input B: six healthy T1w subjects, 24x28x20, an ellipsoid of noise on 0."""
    shape = (24, 28, 20)
    affine = np.array([[2.0, 0, 0, -24], [0, 2, 0, -28], [0, 0, 2, -20], [0, 0, 0, 1]])
    centre = (np.array(shape) - 1) / 2
    distance = np.linalg.norm((np.moveaxis(np.indices(shape), 0, -1) - centre) / (centre * 0.7), axis=-1)
    for index in range(1, 7):
        noise = np.random.default_rng(index).uniform(100, 1000, shape)
        image = np.where(distance <= 1, noise, 0).astype(np.float32)
        write_nifti(root / "B" / f"sub-{index}" / "anat" / f"sub-{index}_T1w.nii.gz", image, affine)


@dataclass(frozen=True)
class Answer:
    """What a command said and made: `made` tells its data apart (a fingerprint and cases, or subjects written)."""

    code: int
    said: str
    made: str
    changed: tuple[str, ...]
    hung: bool


@dataclass(frozen=True)
class Broken:
    """A broken input: what kind of damage to what, what an answer may call it by, and what is right, see `faults`."""

    command: str
    generator: str
    names: tuple[str, ...]
    right: str
    options: tuple[str, ...] = ()


class Hung(BaseException):
    """A command took too long."""


class Place:
    """A folder with an input and a workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def answer(self, command: str, *more: str, as_nobody: bool = False) -> Answer:
        """Run a command on the input as a user in its folder would."""
        before = contents(self.root)
        self.workspace.mkdir(exist_ok=True)
        self.workspace.chmod(0o777)
        code, said, hung = 3, "", False
        here = Path.cwd()
        os.chdir(self.root)
        try:
            with time_limit(), eyes_of_nobody(as_nobody):
                result = CliRunner().invoke(cli.app, [*COMMANDS[command], *more, *self.workspace_option(command)])
                code, said = result.exit_code, result.output
                if result.exception and not isinstance(result.exception, SystemExit):
                    said += f"\nTraceback: {result.exception!r}"
        except Hung:
            hung = True
        finally:
            os.chdir(here)
        after = contents(self.root)
        changed = tuple(sorted(name for name, content in before.items() if after.get(name) != content))
        return Answer(code, said, self.made(command), changed, hung)

    @property
    def workspace(self) -> Path:
        """Beside the input, so that its files are not taken for the user's."""
        return self.root.with_name(f"{self.root.name}-workspace")

    def workspace_option(self, command: str) -> list[str]:
        """simulate-lesions has none."""
        return [] if command == "simulate-lesions" else ["--workspace", str(self.workspace)]

    def made(self, command: str) -> str:
        """What came out, as a word to compare."""
        if command == "simulate-lesions":
            return " ".join(sorted(path.name for path in self.root.glob("OUT/sub-*") if path.is_dir()))
        runs = [load_run(path) for path in Workspace(self.workspace).run_files()]
        return " ".join(f"{run.dataset_fingerprint} {run.n}/{run.of}" for run in runs)


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise Hung after a minute."""

    def stop(number: int, frame: object) -> None:
        raise Hung

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)


@contextmanager
def eyes_of_nobody(wanted: bool) -> Iterator[None]:
    """As a user without privileges, where this one has them all."""
    if not wanted or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def contents(root: Path) -> dict[str, str]:
    """Path -> hash of content, mode or target, of everything below; links are not followed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            kind = path.lstat()
            if stat.S_ISREG(kind.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(kind.st_mode):
                content = str(path.readlink())
            else:
                content = "folder or device"
            found[str(path.relative_to(root))] = f"{kind.st_mode:o} {content}"
    return found


def is_named(said: str, names: Sequence[str]) -> bool:
    """Whether any of the names stands in what was said, lines of progress apart."""
    lines = [line for line in said.splitlines() if not PROGRESS.match(line)]
    return any(name in line for name in names for line in lines)


def faults(answer: Answer, names: Sequence[str], right: str, intact: str, without: str) -> list[str]:
    """What is wrong with an answer.

    Args:
        answer: What the command did.
        names: What the broken thing may be called by.
        right: "refuse": it is named. "use": it is named or used, so that what was made is not what is made without
            the subject. "notice": it is named or changes what is made. "patient": it is named or changes how many
            cases are tested, or who gets lesions. "ignore": nothing changes.
        intact: What is made of the input as it was.
        without: What is made of it without the subject.
    """
    if answer.hung:
        return ["hang"]
    found = []
    if "Traceback" in answer.said or "unexpectedly" in answer.said or answer.code not in (0, 1, 2):
        found.append("crash")
    if answer.changed:
        found.append("changed")
    lines = [line for line in answer.said.splitlines() if OTHERS_WORDS.search(line) or len(line) > LONGEST_LINE]
    if lines and "crash" not in found:
        found.append("no sentence")
    named = is_named(answer.said, names)
    if right == "ignore":
        return found + (["stopped"] if answer.code or answer.made != intact else [])
    used = {
        "refuse": False,
        "use": answer.made != without,
        "notice": answer.made != intact,
        "patient": answer.made.rpartition("/")[2] != intact.rpartition("/")[2],
    }
    if not named and not (answer.made and used[right]):
        found.append("unseen")
    return found


def check(
    place: Place,
    broken: Broken,
    references: dict[str, dict[str, str]],
    record_property: Callable[[str, object], None],
) -> None:
    """Run the command on what was damaged. AssertionError when anything is wrong; it goes into the table, too."""
    answer = place.answer(broken.command, *broken.options, as_nobody=broken.generator == "permissions")
    found = faults(answer, broken.names, broken.right, **references[broken.command])
    record_property("generator", broken.generator)
    record_property("command", broken.command)
    record_property("faults", ", ".join(found) or "none")
    assert not found, f"{found}, exit code {answer.code}, made {answer.made}, changed {answer.changed}\n{answer.said}"


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both inputs, to be copied."""
    root = tmp_path_factory.mktemp("originals")
    make_maps(root / "E")
    make_scans(root / "B")
    return root


@pytest.fixture
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are not tracked: that has tests of its own."""
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty folder that every user may enter."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    root = tmp_path / "input"
    root.mkdir(mode=0o777)
    root.chmod(0o777)
    yield Place(root)
    os.system(f"chmod -R u+rwX {root}")
    shutil.rmtree(tmp_path, ignore_errors=True)


def copy_input(originals: Path, command: str, root: Path) -> None:
    """The command's input, in the folder that it runs in."""
    shutil.copytree(originals / ("E" if command == "evaluate" else "B"), root, dirs_exist_ok=True)
    root.chmod(0o777)


@pytest.fixture(scope="session")
def references(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Command -> what is made of the input "intact", and of it without the second subject ("without")."""
    found: dict[str, dict[str, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tracker, "log", lambda tracker, run, folder: None)
        for command in COMMANDS:
            found[command] = {}
            for kind in ("intact", "without"):
                place = Place(tmp_path_factory.mktemp(f"{command}-{kind}"))
                copy_input(originals, command, place.root)
                if kind == "without":
                    for path in sorted(place.root.rglob("sub-2*")):
                        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                answer = place.answer(command)
                assert answer.code == 0, answer.said
                assert not is_named(answer.said, ["sub-2"]), "what is said of a broken sub-2 should tell of the damage"
                found[command][kind] = answer.made
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table of faults by generator and command."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        told = dict(report.user_properties)
        if report.when == "call" and "generator" in told:
            key = (str(told["generator"]), str(told["command"]))
            counts.setdefault(key, Counter()).update(["inputs", *str(told["faults"]).split(", ")])
    if not counts:
        return
    columns = ["inputs", "none", "crash", "no sentence", "changed", "unseen", "stopped", "hang"]
    rows = [(*key, *(counts[key][column] for column in columns)) for key in sorted(counts)]
    rows.append(("all", "", *(sum(one[column] for one in counts.values()) for column in columns)))
    terminalreporter.section("broken inputs")
    for row in [("generator", "command", *columns), *rows]:
        terminalreporter.write_line("{:<12} {:<17}".format(*row[:2]) + "".join(f"{cell:>12}" for cell in row[2:]))
