"""What the validator of BIDS says of a folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VALIDATOR = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent)) or shutil.which(
    "bids-validator-deno"
)
needs_validator = pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")


def errors_of(folder: Path) -> list[str]:
    """Each error that it finds, with its file."""
    said = subprocess.run([VALIDATOR, folder, "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(said.stdout)["issues"]["issues"]
    return [f"{one['code']} {one.get('location')}" for one in issues if one["severity"] == "error"]
