"""Stores that MLflow cannot use now: seconds, one sentence without passwords, and nothing lost."""

import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mlflow import MlflowClient

from bench.cli.summary import print_runs
from bench.reporting import SilentReporter
from bench.results import MetricSummary, RunResult, save_result
from bench.runs import mlflow_store
from bench.runs.bench import Bench
from bench.runs.mlflow_run import experiment_name
from bench.runs.mlflow_store import MlflowStore, ensure_database, without_secrets
from bench.runs.tracking import Tracker
from bench.runs.workspace import RunLayout, Workspace
from tests.made_runs import make_run


class Listener(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database, since making one takes seconds."""
    path = tmp_path_factory.mktemp("made") / "mlflow.db"
    ensure_database(path)
    return path


def kept_run(workspace: Workspace, key: str) -> tuple[RunResult, RunLayout]:
    """A run whose result lies in the workspace."""
    run = make_run("zscore", key=key, metrics={"tpr": MetricSummary(mean=0.5, se=0.1, n=1)})
    folder = RunLayout(workspace.runs / "phantom-01234567" / f"zscore-{key}")
    save_result(folder.results("paper").run_file, run)
    return run, folder


def log_two(workspace: Workspace) -> tuple[list[str], Tracker]:
    """Log two runs as one command does; what it says."""
    listener = Listener()
    tracker = Tracker(workspace, listener)
    for key in ("key-1", "key-2"):
        tracker.log(*kept_run(workspace, key))
    return listener.said, tracker


def stored(workspace: Workspace) -> list[str]:
    """Keys of the runs that MLflow holds."""
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    experiment = client.get_experiment_by_name(experiment_name(kept_run(workspace, "key-1")[0]))
    return sorted(run.data.tags["bench.key"] for run in client.search_runs([experiment.experiment_id]))


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Refusing(BaseHTTPRequestHandler):
    """Answers as a server that wants another password, and tells the one that it was given."""

    def do_GET(self) -> None:
        body = f"no entry for {self.headers['Authorization']}, {self.path}".encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """The port of a server that refuses everything."""
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_file_that_is_no_database_is_a_sentence_and_later_commands_catch_up(tmp_path: Path, database: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.mlflow_database.write_text("this is no database")
    said, tracker = log_two(workspace)
    assert len(said) == 1 and f"{workspace.mlflow_database} cannot be used" in said[0]
    assert "file is not a database; see" in said[0] and "move it away" in said[0] and "next `bench run`" in said[0]
    assert workspace.mlflow_database.read_text() == "this is no database"
    assert len(workspace.untracked()) == 2
    assert "incomplete" in tracker.last_line() and "mlflow ui" not in tracker.last_line()

    shutil.copy(database, workspace.mlflow_database)
    listener = Listener()
    Tracker(workspace, listener).log(*kept_run(workspace, "key-3"))
    assert listener.said == []
    assert stored(workspace) == ["key-1", "key-2", "key-3"]
    assert workspace.untracked() == []


def test_a_marked_run_that_cannot_be_read_is_named_and_stops_no_other(tmp_path: Path, database: Path) -> None:
    workspace = Workspace(tmp_path)
    shutil.copy(database, workspace.mlflow_database)
    _, folder = kept_run(workspace, "damaged")
    folder.results("paper").run_file.write_text("{")
    folder.results("paper").untracked_file.touch()
    said, _ = log_two(workspace)
    assert len(said) == 2 and all(str(folder.path) in line for line in said)
    assert stored(workspace) == ["key-1", "key-2"]


def test_a_server_that_is_gone_costs_seconds_and_a_sentence(tmp_path, monkeypatch, capfd, closed_port) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port}")
    start = time.monotonic()
    said, _ = log_two(Workspace(tmp_path))
    assert time.monotonic() - start < 15
    assert len(said) == 1 and f"MLflow at http://127.0.0.1:{closed_port} cannot be used" in said[0]
    assert "\n" not in said[0]
    assert not (tmp_path / "mlflow.db").exists()
    assert capfd.readouterr() == ("", "")


def test_a_database_server_that_is_gone_costs_seconds(tmp_path, monkeypatch, capfd, closed_port) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"mysql+pymysql://me:hunter22@127.0.0.1:{closed_port}/runs")
    start = time.monotonic()
    said, _ = log_two(Workspace(tmp_path))
    assert time.monotonic() - start < 10
    assert len(said) == 1 and "hunter22" not in said[0]  # without its driver or with it
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_answers_costs_seconds(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mlflow_store, "LONGEST_WAIT_S", 0.5)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listener.getsockname()[1]}")
        said, _ = log_two(Workspace(tmp_path))
    assert len(said) == 1 and "does not answer" in said[0]


@pytest.mark.parametrize("user", ["me:hunter%2022", "hunter22tok", "me:hunter/2@2"])
def test_passwords_are_never_said(tmp_path, monkeypatch, capfd, refusing_port, user) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{user}@127.0.0.1:{refusing_port}?token=hunter22")
    said, tracker = log_two(Workspace(tmp_path))
    assert len(said) == 1 and f"http://127.0.0.1:{refusing_port} cannot be used" in said[0]
    print_runs([], Bench(Workspace(tmp_path), SilentReporter()))
    out, err = capfd.readouterr()
    marks = "".join(results.untracked_file.read_text() for results in Workspace(tmp_path).untracked())
    assert "hunter" not in said[0] + out + err + marks + tracker.last_line()


@pytest.mark.parametrize(
    "uri, shown",
    [
        ("http://host:5000", "http://host:5000"),
        ("https://me:secret@host/mlflow", "https://host/mlflow"),
        ("https://host/mlflow?token=secret", "https://host/mlflow"),
        ("postgresql://me:se@c/r#et@host:1/runs?sslmode=require", "postgresql://host:1/runs"),
        ("sqlite:////home/me@home/a?b/mlflow.db", "sqlite:////home/me@home/a?b/mlflow.db"),
        ("file:///home/me@home/mlruns", "file:///home/me@home/mlruns"),
        ("databricks", "databricks"),
        ("./mlruns", "./mlruns"),
    ],
)
def test_what_is_shown_of_a_store(uri: str, shown: str) -> None:
    assert without_secrets(uri) == shown


@pytest.mark.parametrize(
    "uri, hint",
    [
        ("http://me:secret@host:5000", "open http://host:5000"),
        ("postgresql://me:secret@host/runs", ' ui --backend-store-uri "$MLFLOW_TRACKING_URI"'),
        ("sqlite:////a place/mlflow.db", " ui --backend-store-uri 'sqlite:////a place/mlflow.db'"),
        ("./mlruns", " ui --backend-store-uri ./mlruns"),
        ("databricks", "in databricks"),
    ],
)
def test_the_hint_is_for_the_store_in_use(tmp_path, monkeypatch, uri: str, hint: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = Tracker(Workspace(tmp_path), SilentReporter()).last_line()
    assert found.endswith(hint)
    assert not hint.startswith(" ui") or found.removesuffix(hint).endswith("mlflow")


def test_the_remedy_of_a_refused_store_is_said(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    said, _ = log_two(Workspace(tmp_path / "workspace"))
    assert len(said) == 1 and "MLFLOW_ALLOW_FILE_STORE=true" in said[0]


def test_the_remedy_for_a_database_of_another_version_is_said(tmp_path, database) -> None:
    workspace = Workspace(tmp_path / "a place")
    workspace.path.mkdir()
    shutil.copy(database, workspace.mlflow_database)
    with closing(sqlite3.connect(workspace.mlflow_database)) as connection:
        connection.execute("update alembic_version set version_num = 'ff01da956556'")
        connection.commit()
    said, _ = log_two(workspace)
    assert f"mlflow db upgrade 'sqlite:///{workspace.mlflow_database}'`" in said[0]


HALF_MADE = {
    "empty": "",
    "first tables": "create table experiments (experiment_id integer); create table runs (run_uuid text)",
    "between tables": "create table runs (run_uuid text); create table _alembic_tmp_experiments (name text)",
}


@pytest.mark.parametrize("script", HALF_MADE.values(), ids=HALF_MADE)
def test_a_half_made_database_is_made_anew(tmp_path, monkeypatch, database, script: str) -> None:
    monkeypatch.setattr(mlflow_store, "_make_database", lambda path: shutil.copy(database, path))
    workspace = Workspace(tmp_path)
    with closing(sqlite3.connect(workspace.mlflow_database)) as connection:
        connection.executescript(script)
    (tmp_path / "mlflow.db-journal").write_bytes(b"of the half made one")
    (tmp_path / ".new.mlflow.db").write_text("of a command that was killed")
    said, _ = log_two(workspace)
    assert said == []
    assert stored(workspace) == ["key-1", "key-2"]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "mlflow.db", "mlflow.db.lock", "mlartifacts"}


def test_a_full_disk_leaves_no_half_made_database(tmp_path, monkeypatch, database) -> None:
    def fill(path: Path) -> None:
        path.write_bytes(b"SQLite format 3")
        raise OSError(28, "No space left on device")

    workspace = Workspace(tmp_path)
    monkeypatch.setattr(mlflow_store, "_make_database", fill)
    said, _ = log_two(workspace)
    assert len(said) == 1 and "No space left on device" in said[0]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "mlflow.db.lock"}
    monkeypatch.setattr(mlflow_store, "_make_database", lambda path: shutil.copy(database, path))
    assert log_two(workspace)[0] == []
    assert stored(workspace) == ["key-1", "key-2"]


def test_a_database_of_something_else_is_left_alone(tmp_path) -> None:
    workspace = Workspace(tmp_path)
    with closing(sqlite3.connect(workspace.mlflow_database)) as connection:
        connection.execute("create table recipes (name text)")
    before = workspace.mlflow_database.read_bytes()
    said, _ = log_two(workspace)
    assert len(said) == 1 and "is a database of something else: move it away" in said[0]
    assert workspace.mlflow_database.read_bytes() == before


def test_an_sqlite_file_that_the_variable_names_is_made_beside_too(tmp_path, monkeypatch, database) -> None:
    monkeypatch.setattr(mlflow_store, "_make_database", lambda path: shutil.copy(database, path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/shared.db")
    monkeypatch.chdir(tmp_path)
    said, _ = log_two(Workspace(tmp_path / "workspace"))
    assert said == []
    assert (tmp_path / "shared.db").exists() and not (tmp_path / "workspace" / "mlflow.db").exists()
    assert stored(Workspace(tmp_path / "workspace")) == ["key-1", "key-2"]
