"""A dataset as BIDS folders for programs outside of bench: images and brain masks, and lesion masks apart."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from bench.errors import BenchError
from bench.files import save_nifti, write_text
from bench.reporting import Reporter
from datasets import output
from datasets.case import Case
from datasets.dataset import Dataset
from datasets.scans.names import anat_folder, subject_of
from datasets.scans.splits import SPLITS

COMMAND = "bench export"
PARTS = ("images", "labels")
EXTRACTED: dict[str, JsonValue] = {
    "SkullStripped": True,
    "Resolution": "2 mm isotropic",
    "Description": "scaled to [-1, 1], -1 outside the brain",
}
COLUMNS = "participant_id\tsplit"


def export_dataset(
    dataset: Dataset, target: Path, splits: Sequence[str], reporter: Reporter, scans: Path | None = None
) -> int:
    """Write OUT/images and OUT/labels, as the methods here see the cases: 2 mm, [-1, 1], -1 outside the brain.

    Lesions of the set `paper` reach 1.5, as `datasets.case.Case` says.

    images/sub-X/anat/sub-X_T1w.nii.gz and sub-X_desc-brain_mask.nii.gz, with the splits in participants.tsv;
    labels/sub-X/anat/sub-X_label-lesion_mask.nii.gz for test cases. What is there already is not written again.

    Args:
        dataset: Any dataset with images.
        target: A new folder, or one that the same dataset was written to.
        splits: All when empty.
        scans: The folder that the dataset was made of, if there is one.

    Returns:
        The number of cases.

    Raises:
        BenchError: With nothing touched, when the folder holds another dataset or anything else that this command did
            not write.
    """
    if unknown := set(splits) - set(SPLITS):
        raise BenchError(f"--split takes {', '.join(SPLITS)}; got {min(unknown)}.")
    table = target / "images" / "participants.tsv"
    _check(dataset, target)
    rows = _rows(table)
    for part in PARTS:
        output.note(target / part, COMMAND, f"{dataset.name} {part}", {"Fingerprint": dataset.fingerprint}, scans)
    chosen = {split: getattr(dataset, split) for split in splits or SPLITS}
    with reporter.task("exporting", sum(map(len, chosen.values()))) as tick:
        for split, cases in chosen.items():
            for case in cases:
                _write_case(case, target)
                rows.append(f"{subject_of(case.id)}\t{split}")
                tick(note=case.id)
    write_text(table, "\n".join(dict.fromkeys(rows)) + "\n")
    return sum(map(len, chosen.values()))


def _check(dataset: Dataset, target: Path) -> None:
    """BenchError when the folder holds anything but what was exported of this dataset before."""
    for part in PARTS:
        known = output.noted(target / part, COMMAND)
        if known is not None and known.get("Fingerprint") != dataset.fingerprint:
            raise BenchError(f"{target} holds another dataset already: name an empty folder.")


def _rows(table: Path) -> list[str]:
    """The lines of the table of splits, of which the first one names the columns. BenchError when it was changed."""
    if not table.exists():
        return [COLUMNS]
    rows = table.read_text(encoding="utf-8", errors="replace").splitlines()
    if rows[:1] != [COLUMNS] or any(row.rpartition("\t")[2] not in SPLITS for row in rows[1:]):
        raise BenchError(f"{table} was changed, it holds more than participant_id and split: name a new folder.")
    return rows


def _write_case(case: Case, target: Path) -> None:
    volumes = {
        f"images/{channel}": (image, EXTRACTED) for channel, image in zip(case.channels, case.image, strict=True)
    }
    volumes["images/desc-brain_mask"] = case.brain_mask, output.BRAIN
    if case.lesion_mask is not None:
        volumes["labels/label-lesion_mask"] = case.lesion_mask, output.LESION
    for name, (volume, about) in volumes.items():
        part, _, suffix = name.partition("/")
        path = target / part / anat_folder(case.id) / f"{case.id}_{suffix}.nii.gz"
        output.describe(path, about)
        if not path.exists():
            save_nifti(path, volume, case.affine)
