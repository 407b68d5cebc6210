"""`bench simulate-lesions`: a folder of healthy scans, copied with lesions put in and their masks beside."""

from pathlib import Path

from bench.errors import BenchError
from bench.files import save_nifti
from bench.reporting import Reporter
from bench.seeds import derived_seed
from datasets.lesions.enhancement import enhanced_scan
from datasets.lesions.generator import LESION_GENERATORS, simulate_lesions
from datasets.lesions.settings import LesionSettings
from datasets.scans.bids_layout import CHANNELS, SubjectFiles, find_subjects
from datasets.scans.names import anat_folder
from datasets.scans.reading import read_scan


def simulate_folder(source: Path, target: Path, settings: LesionSettings, seed: int, reporter: Reporter) -> int:
    """Write sub-X/anat/sub-X_T1w.nii.gz (and T2w), brain and lesion mask for every healthy subject of `source`.

    Images are on the grid of the T1w. A subject gets the same lesions as in `bench run --dataset bids` with the same
    dataset seed, enhanced before preparation instead of after. Gives the number of subjects written; those that cannot
    be used are reported. BenchError when there is none.
    """
    if settings.lesion_set.healthy:
        raise BenchError(f"--lesion-set {settings.set} puts no lesions in: choose another one.")
    LESION_GENERATORS.get(settings.generator)  # an unknown one is no reason to set every subject aside
    if target.resolve() == source.resolve():
        raise BenchError(f"OUT is the folder of the healthy scans, {target}: name another one.")
    folder = find_subjects(source, without=target)
    for note in folder.notes:
        reporter.say(note)
    for subject in folder.set_aside:
        reporter.say(f"{subject.id} is set aside: {subject.reason}")
    written = 0
    with reporter.task("simulating lesions", len(folder.subjects)) as tick:
        for files in folder.subjects:
            try:
                _simulate_subject(files, target, settings, seed)
                written += 1
            except BenchError as problem:
                reporter.say(f"{files.id} is set aside: {problem}")
            tick(note=files.id)
    if not written:
        raise BenchError(f"No subject of {source} could be used.")
    return written


def _simulate_subject(files: SubjectFiles, target: Path, settings: LesionSettings, seed: int) -> None:
    if files.lesion_mask:
        raise BenchError(f"{files.id} has lesions already ({files.lesion_mask.name}).")
    channels = tuple(channel for channel in CHANNELS if channel in files.images)
    scan = simulate_lesions(read_scan(files, channels), settings, derived_seed(seed, "lesions", files.id))
    scan = enhanced_scan(scan, settings)
    volumes = dict(zip(channels, scan.images, strict=True)) | {"desc-brain_mask": scan.brain_mask}
    if scan.lesion_mask is not None:
        volumes["label-lesion_mask"] = scan.lesion_mask
    for name, volume in volumes.items():
        save_nifti(target / anat_folder(files.id) / f"{files.id}_{name}.nii.gz", volume, scan.affine)
