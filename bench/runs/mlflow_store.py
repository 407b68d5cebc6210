"""The store that MLflow keeps runs in: where it is, how to look at it, and whether it can be used now."""

import os
import re
import shlex
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from filelock import FileLock

from bench.errors import BenchError
from bench.runs.workspace import Workspace

LONGEST_WAIT_S = 15.0  # for a server's first answer
LONGEST_LOCK_S = 120.0  # for other commands that log at the same time
LONGEST_REASON = 900  # characters: MLflow's own advice, which comes last, takes up to 600
SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN")
OURS = {"experiments", "runs", "alembic_version"}  # tables; MLflow begins with them


@dataclass(frozen=True)
class MlflowStore:
    """A store.

    uri: as MLflow takes it; it may hold a password, so people are told `shown`. named: MLFLOW_TRACKING_URI names it,
    otherwise it is the workspace's own. database: its SQLite file, if it is one. lock_file: held while runs are logged.
    """

    uri: str
    named: bool
    database: Path | None
    lock_file: Path

    @classmethod
    def of(cls, workspace: Workspace) -> "MlflowStore":
        """The store that MLFLOW_TRACKING_URI names, or else the workspace's SQLite file."""
        named = os.environ.get("MLFLOW_TRACKING_URI")
        database = _sqlite_file(named) if named else workspace.mlflow_database
        uri = named or sqlite_uri(workspace.mlflow_database)
        return cls(uri, bool(named), database, _beside(database or workspace.mlflow_database, "", ".lock"))

    @property
    def shown(self) -> str:
        """The URI without user, password and query."""
        return without_secrets(self.uri)

    @property
    def hint(self) -> str:
        """How to look at the runs: a command for the shell, or an address to open."""
        if self.uri.startswith(("http:", "https:")):
            return f"open {self.shown}"
        if self.uri.startswith(("databricks", "uc:")):
            return f"in {self.shown}"
        uri = shlex.quote(self.uri) if self.shown == self.uri else '"$MLFLOW_TRACKING_URI"'
        return f"{_mlflow_command()} ui --backend-store-uri {uri}"

    def artifacts(self, workspace: Workspace) -> str | None:
        """Where files of a new experiment go: beside an SQLite file, into the workspace for other databases.

        Left to MLflow, that would be the folder that the command is typed in. None: a server says where.
        """
        if self.database:
            return (self.database.parent / "mlartifacts").as_uri()
        return workspace.mlflow_artifacts.as_uri() if "sql" in self.uri.partition(":")[0] else None

    def locked(self) -> FileLock:
        """`with store.locked():` one command at a time; the lock ends with the process that holds it."""
        self.lock_file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.lock_file, timeout=LONGEST_LOCK_S)

    def check(self) -> None:
        """Raise, after seconds and not minutes, when the store cannot be used; an SQLite file is made if there is none.

        To be called with the lock held.
        """
        if self.database:
            ensure_database(self.database)
        else:
            _within(LONGEST_WAIT_S, self._ask)

    def why(self, error: BaseException) -> str:
        """What went wrong, in one line, without secrets."""
        text = " ".join(str(error).split()) or type(error).__name__
        text = re.sub(r" ?\[(SQL|parameters): .*| ?\(Background on this error at: \S+\)", "", text)
        cause = re.search(r"Max retries exceeded .*\(Caused by .*?: (.+?)[\"']\)*$", text)  # as urllib3 words it
        if cause:
            text = f"no answer ({cause[1]})"
        if "out-of-date database schema" in text:
            uri = shlex.quote(self.uri) if self.shown == self.uri else '"$MLFLOW_TRACKING_URI"'
            text = f"another version of MLflow made it: `{_mlflow_command()} db upgrade {uri}`, after a backup"
        return self._without_secrets(text)[:LONGEST_REASON]

    def _ask(self) -> None:
        from mlflow import MlflowClient
        from mlflow.store.db.db_types import DATABASE_ENGINES
        from mlflow.store.db.utils import create_sqlalchemy_engine

        if self.uri.startswith(tuple(DATABASE_ENGINES)):
            engine = create_sqlalchemy_engine(self.uri)  # MLflow itself would try ten times, for two minutes
            engine.connect().close()
            engine.dispose()
        else:
            MlflowClient(tracking_uri=self.uri).search_experiments(max_results=1)

    def _without_secrets(self, text: str) -> str:
        text = text.replace(self.uri, self.shown)
        user, _, password = _user_info(self.uri).partition(":")
        values = [value for _, value in parse_qsl(self.uri.partition("?")[2])]
        secrets = {password or user, *(value for value in values if len(value) > 5)}
        secrets |= {os.environ.get(name, "") for name in SECRET_VARIABLES}
        for secret in sorted(secrets | {unquote(one) for one in secrets} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***") if secret else text
        return text


def sqlite_uri(database: Path) -> str:
    """The URI of an SQLite file, whatever its path holds."""
    plain = f"sqlite:///{database}"
    if not set(plain) & set("?%") and plain.isprintable():
        return plain
    from sqlalchemy import URL

    # SQLite itself decodes file: URIs. The driver is named since MLflow makes folders for URIs that begin "sqlite:///".
    url = URL.create("sqlite+pysqlite", database=f"file:{quote(os.fsencode(database))}", query={"uri": "true"})
    return url.render_as_string(hide_password=False)


def _sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite URI; None for other URIs, for databases in memory, and for what SQLite should parse."""
    if not uri.startswith("sqlite"):
        return None
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except ArgumentError:
        return None
    in_file = url.database and url.database != ":memory:" and not url.query and not url.host
    return Path(url.database or "").absolute() if in_file else None


def without_secrets(uri: str) -> str:
    """The URI without user, password and query. Paths of files are whole."""
    scheme, slashes, rest = uri.partition("://")
    if not slashes or scheme.startswith(("sqlite", "file")):
        return uri
    user_info = _user_info(uri)
    rest = rest.removeprefix(f"{user_info}@")
    return f"{scheme}://{rest.partition('?')[0]}"


def _user_info(uri: str) -> str:
    """ "user:password" of a URI; a password may hold what should have been written as %40 or %2F."""
    scheme, _, rest = uri.partition("://")
    return "" if scheme.startswith(("sqlite", "file")) else rest.rpartition("@")[0]


def ensure_database(path: Path) -> None:
    """See that an MLflow database lies at `path`; to be called with the store's lock held.

    It is made beside and renamed, so that a kill or a full disk leaves none that is half made. One that holds no
    experiment, as half made ones do, is made anew. BenchError, without the path, when the file is something else.
    """
    if path.exists() and _holds_experiments(path):
        return
    new = _beside(path, ".new.", "")
    _remove(new)
    try:
        _make_database(new)
        _remove(path)  # with its journal, which SQLite would take for the new one's
        new.replace(path)
    finally:
        _remove(new)


def _holds_experiments(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=10)) as connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
            if tables and not tables & OURS:
                raise BenchError("it is a database of something else: move it away, the next command makes one")
            if "experiments" not in tables or not connection.execute("select 1 from experiments limit 1").fetchone():
                return False
            connection.execute("begin immediate")  # raises where it cannot be written
            connection.rollback()
            return True
    except sqlite3.Error as error:
        raise BenchError(
            f"{error}; see that it can be written, or move it away and the next command makes one"
        ) from error


def _make_database(path: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(sqlite_uri(path), (path.parent / "mlartifacts").as_uri())
    store.engine.dispose()


def _beside(path: Path, before: str, after: str) -> Path:
    return path.with_name(f"{before}{path.name}{after}")


def _remove(database: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        _beside(database, "", end).unlink(missing_ok=True)


def _mlflow_command() -> str:
    """ "mlflow", or its path where the shell does not find it."""
    return "mlflow" if shutil.which("mlflow") else shlex.quote(str(Path(sys.executable).with_name("mlflow")))


class _Attempt(threading.Thread):
    """A thread that keeps its error; the process does not wait for it at its end."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.work()
        except Exception as error:
            self.error = error


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Do some work; BenchError when it takes longer (looking up a host's name has no time limit of its own)."""
    attempt = _Attempt(work)
    attempt.start()
    attempt.join(seconds)
    if attempt.is_alive():
        raise BenchError(f"it does not answer within {seconds:.0f} s")
    if attempt.error:
        raise attempt.error
