"""What simulated lesions are made of, looked at before anything is learned from scans."""

from collections.abc import Sequence
from pathlib import Path

from bench.files import write_json
from bench.seeds import derived_seed
from datasets.fingerprint import fingerprint
from datasets.lesions.generator import LESION_GENERATORS
from datasets.lesions.identity import lesion_identity
from datasets.lesions.settings import LesionSettings


def check_lesions(settings: LesionSettings, dataset_seed: int, ids: Sequence[str], cache_folder: Path) -> None:
    """Make sure that these cases can get lesions; remembered for as long as settings and atlas stay as they are.

    BenchError for an atlas that lacks a class, or holds a mask that one of the cases draws and that cannot be used.
    """
    if settings.lesion_set.healthy or settings.atlas is None or not ids:
        return
    note = (
        cache_folder / "inspected" / f"lesions-{fingerprint([lesion_identity(settings), dataset_seed, list(ids)])}.json"
    )
    if note.exists():
        return
    seeds = [derived_seed(dataset_seed, "lesions", case_id) for case_id in ids]
    LESION_GENERATORS.get(settings.generator).check(settings, seeds)
    write_json(note, {"cases": list(ids)})
