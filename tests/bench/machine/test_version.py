"""Version and commit: from git, or as they were when the wheel was built."""

import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.machine import version

ROOT = Path(__file__).parents[3]


def test_the_release_is_that_of_the_project() -> None:
    assert f'version = "{version.version()}"' in (ROOT / "pyproject.toml").read_text()


def test_a_project_that_is_not_installed_has_a_release_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "PACKAGE", "not-installed-anywhere")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version.version())


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that holds the project's version file only."""
    file = tmp_path / "bench" / "machine" / "version.py"
    file.parent.mkdir(parents=True)
    file.write_text((ROOT / file.relative_to(tmp_path)).read_text())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_the_commit_of_a_checkout_says_whether_files_differ(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert version.checkout_commit(checkout) == head
    (checkout / "bench" / "machine" / "version.py").write_text("# edited\n")
    assert version.checkout_commit(checkout) == f"{head}-dirty"


def test_without_git_the_commit_is_what_the_wheel_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)
    monkeypatch.setattr(version, "COMMIT_FILE", tmp_path / "commit.txt")
    assert version.commit() is None
    (tmp_path / "commit.txt").write_text("abc\n")
    assert version.commit() == "abc"


def build(monkeypatch: pytest.MonkeyPatch, root: Path, kind: str) -> dict[str, str]:
    """Place in the archive -> text, of the files that the build hook adds; hatchling itself is not needed."""
    interface: Any = ModuleType("hatchling.builders.hooks.plugin.interface")
    interface.BuildHookInterface = type("BuildHookInterface", (), {"root": str(root)})
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["CommitHook"]()
    data: dict[str, Any] = {"force_include": {}}
    hook.initialize(kind, data)
    added = {place: Path(file).read_text() for file, place in data["force_include"].items()}
    hook.finalize(kind, data, "")
    assert not any(Path(file).exists() for file in data["force_include"])
    return added


def test_a_build_adds_the_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    place = version.COMMIT_FILE.relative_to(ROOT).as_posix()
    assert build(monkeypatch, checkout, "standard") == {place: f"{head}\n"}
    assert build(monkeypatch, checkout, "editable") == {}


@pytest.mark.slow  # fetches the build backend
def test_a_wheel_holds_the_commit(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(pip, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("bench/machine/commit.txt").decode().strip() == version.checkout_commit(ROOT)
