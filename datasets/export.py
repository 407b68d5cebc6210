"""A dataset as BIDS folders for programs outside of bench: images and brain masks, and lesion masks apart."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.files import save_nifti, write_json, write_text
from bench.reporting import Reporter
from datasets.case import Case
from datasets.dataset import Dataset
from datasets.scans.names import anat_folder, subject_of
from datasets.scans.splits import SPLITS


def export_dataset(dataset: Dataset, target: Path, splits: Sequence[str], reporter: Reporter) -> int:
    """Write OUT/images and OUT/labels, as the methods here see the cases: 2 mm, [-1, 1], -1 outside the brain.

    Lesions of the set `paper` reach 1.5, as `datasets.case.Case` says.

    images/sub-X/anat/sub-X_T1w.nii.gz and sub-X_desc-brain_mask.nii.gz, with the splits in participants.tsv;
    labels/sub-X/anat/sub-X_label-lesion_mask.nii.gz for test cases. What is there already is not written again.
    splits: all when empty. Gives the number of cases. BenchError when the folder holds another dataset.
    """
    if unknown := set(splits) - set(SPLITS):
        raise BenchError(f"--split takes {', '.join(SPLITS)}; got {min(unknown)}.")
    _describe(dataset, target)
    chosen = {split: getattr(dataset, split) for split in splits or SPLITS}
    table = target / "images" / "participants.tsv"
    rows = table.read_text(encoding="utf-8").splitlines() if table.exists() else ["participant_id\tsplit"]
    with reporter.task("exporting", sum(map(len, chosen.values()))) as tick:
        for split, cases in chosen.items():
            for case in cases:
                _write_case(case, target)
                rows.append(f"{subject_of(case.id)}\t{split}")
                tick(note=case.id)
    write_text(table, "\n".join(dict.fromkeys(rows)) + "\n")
    return sum(map(len, chosen.values()))


def _describe(dataset: Dataset, target: Path) -> None:
    """Say which dataset this is; refuse to mix it with another."""
    for part in ("images", "labels"):
        path = target / part / "dataset_description.json"
        words = {
            "Name": f"{dataset.name} {part}",
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "bench export"}],
            "Fingerprint": dataset.fingerprint,
        }
        if path.exists() and dataset.fingerprint not in path.read_text(encoding="utf-8"):
            raise BenchError(f"{target} holds another dataset already: name an empty folder.")
        write_json(path, words)


def _write_case(case: Case, target: Path) -> None:
    volumes = {f"images/{channel}": image for channel, image in zip(case.channels, case.image, strict=True)}
    volumes["images/desc-brain_mask"] = case.brain_mask
    if case.lesion_mask is not None:
        volumes["labels/label-lesion_mask"] = case.lesion_mask
    for name, volume in volumes.items():
        part, _, suffix = name.partition("/")
        path = target / part / anat_folder(case.id) / f"{case.id}_{suffix}.nii.gz"
        if not path.exists():
            save_nifti(path, volume, case.affine)
