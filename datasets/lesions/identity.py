"""What of simulated lesions is part of fingerprints."""

from typing import Any

from bench.errors import BenchError
from bench.files import visible_files
from datasets.fingerprint import file_hash, fingerprint
from datasets.lesions import enhancement
from datasets.lesions.generator import LESION_GENERATORS
from datasets.lesions.sets import DEFAULT_GENERATOR
from datasets.lesions.settings import LesionSettings


def lesion_identity(settings: LesionSettings) -> dict[str, Any]:
    """All that shapes simulated lesions, an atlas by the content of its files and not by its place.

    BenchError for an unknown generator, and when the atlas has no masks.
    """
    version = LESION_GENERATORS.get(settings.generator).version
    identity = {"version": version, **settings.model_dump(mode="json", exclude={"atlas"})}
    if settings.generator == DEFAULT_GENERATOR:
        del identity["generator"]  # there was no other one when the first fingerprints were taken
    if settings.lesion_set.enhance:
        identity["enhancing"] = enhancement.VERSION
    if settings.atlas is not None:
        files = visible_files(settings.atlas, "**/*.nii.gz")
        if not files:
            raise BenchError(f"The lesion atlas {settings.atlas} holds no .nii.gz file; check --lesion-atlas.")
        identity["atlas"] = fingerprint([[str(p.relative_to(settings.atlas)), file_hash(p)] for p in files])
    return identity
