"""Hashes that say what went in: of settings, files and lesion sets, never of where they lie."""

import hashlib
import json
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from datasets.lesions import simulation as lesions


def fingerprint(value: Any) -> str:
    """SHA-256 (64 hex digits) of a value made of what JSON knows, dictionaries in any order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content. OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lesion_identity(settings: lesions.LesionSettings) -> dict[str, Any]:
    """All that shapes simulated lesions, an atlas by the content of its files and not by its place.

    BenchError when the atlas has no masks.
    """
    identity = {"version": lesions.VERSION, **settings.model_dump(mode="json", exclude={"atlas"})}
    if settings.atlas is not None:
        files = sorted(settings.atlas.rglob("*.nii.gz"))
        if not files:
            raise BenchError(f"The lesion atlas {settings.atlas} holds no .nii.gz file; check --lesion-atlas.")
        identity["atlas"] = fingerprint([[str(p.relative_to(settings.atlas)), file_hash(p)] for p in files])
    return identity
