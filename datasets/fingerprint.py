"""Hashes that say what went in: of settings and files, never of where they lie."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError


def fingerprint(value: Any) -> str:
    """SHA-256 (64 hex digits) of a value made of what JSON knows, dictionaries in any order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content. BenchError when it cannot be read: it is no file, as a link without content or a
    pipe, or others' alone."""
    if not path.is_file():
        raise BenchError(f"{path} cannot be opened; fetch its content if it is a link.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError:
        raise BenchError(f"{path} may not be read; change its permissions.") from None


def files_fingerprint(files: Mapping[str, Path]) -> str:
    """A hash of files by their role; of one that cannot be opened, nothing but that."""
    return fingerprint({role: file_hash(path) if path.is_file() else None for role, path in files.items()})
