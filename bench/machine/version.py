"""Which version of the code is running: the release and the commit.

Imports the standard library only: `hatch_build.py` runs this file when it builds a wheel.
"""

import platform
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

PACKAGE = "brain-anomaly-bench"
ROOT = Path(__file__).parents[2]
COMMIT_FILE = Path(__file__).with_name("commit.txt")  # in wheels, which have no git; none in a checkout


def version() -> str:
    """The release, such as "0.1.0"."""
    try:
        return installed_version(PACKAGE)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def versions() -> dict[str, str]:
    """Of what makes maps: bench, its commit where it is known, python and torch."""
    found = {"bench": version(), "python": platform.python_version(), "torch": installed_version("torch")}
    return found | ({"commit": known} if (known := commit()) else {})


def commit() -> str | None:
    """The commit of the code, "-dirty" if files differ: from git in a checkout, else as the wheel was built."""
    found = checkout_commit(ROOT)
    if found is None and COMMIT_FILE.exists():
        found = COMMIT_FILE.read_text(encoding="utf-8").strip() or None
    return found


def checkout_commit(root: Path) -> str | None:
    """The commit of a checkout, "-dirty" if files differ; None where there is no git."""
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--match="],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None if described.returncode == 0 else None
