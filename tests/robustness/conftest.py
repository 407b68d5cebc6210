"""Commands on small inputs in this process, their answers to broken ones, and a table of what was wrong with these."""

import hashlib
import os
import shutil
import signal
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import cli
from bench.results import load_run
from bench.runs.tracking import Tracker
from bench.runs.workspace import Workspace
from tests.robustness.faults import Answer, Broken, faults, is_named
from tests.robustness.inputs import copy_input, make_maps, make_scans

LONGEST_S = 60
NOBODY = 65534  # whose eyes a chmod hides files from, where the tests run as root
METHOD = ["--method", "zscore", "--threads", "1", "--protocol", "paper-fpr5"]
SCANS = ["--dataset", "bids", "--root", "B", "--lesion-set", "none"]
COMMANDS = {
    "evaluate": ["evaluate", "maps", "--labels", "labels"],
    "run": ["run", *METHOD, *SCANS],
    "simulate-lesions": ["simulate-lesions", "B", "OUT", "--lesion-load-ml", "4"],
}


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
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow is the workspace's own."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


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
