"""A user's own healthy scans with lesions put in and their masks beside."""

from functools import partial
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from bench.cores import on_all_cores
from bench.errors import BenchError
from bench.files import save_nifti
from bench.reporting import Reporter
from bench.seeds import derived_seed
from datasets import output
from datasets.case import FloatArray
from datasets.fingerprint import files_fingerprint
from datasets.lesions.enhancement import enhanced_scan
from datasets.lesions.generator import LESION_GENERATORS, simulate_lesions
from datasets.lesions.identity import lesion_identity
from datasets.lesions.settings import LesionSettings
from datasets.preparing.preparation import Scan
from datasets.scans import reading
from datasets.scans.bids_layout import SubjectFiles, find_subjects
from datasets.scans.names import anat_folder

COMMAND = "bench simulate-lesions"


def simulate_folder(
    source: Path,
    target: Path,
    settings: LesionSettings,
    seed: int,
    reporter: Reporter,
    channels: tuple[str, ...] | None = None,
) -> int:
    """Write sub-X/anat/sub-X_T1w.nii.gz (T2w, ...), brain and lesion mask for every healthy subject of `source`.

    Images are on the grid of the first one. A subject gets the same lesions as in `bench run --dataset bids` with the
    same dataset seed and channels, enhanced before preparation instead of after. What the same command wrote before
    stays, and what it lacks is added.

    Args:
        source: Healthy scans; subjects that cannot be used are reported.
        target: A new folder, or one that the same command wrote with the same settings.
        channels: As `find_subjects` takes them.

    Returns:
        The number of subjects that are there.

    Raises:
        BenchError: When there is none, and, with nothing touched, when `target` holds anything else.
    """
    if settings.lesion_set.healthy:
        raise BenchError(f"--lesion-set {settings.set} puts no lesions in: choose another one.")
    LESION_GENERATORS.get(settings.generator)  # an unknown one is no reason to set every subject aside
    if target.resolve() == source.resolve():
        raise BenchError(f"OUT is the folder of the healthy scans, {target}: name another one.")
    folder = find_subjects(source, without=target, channels=channels)
    for note in folder.notes:
        reporter.say(note)
    for subject in folder.set_aside:
        reporter.say(f"{subject.id} is set aside: {subject.reason}")
    for files in folder.subjects:
        if files.lesion_mask:
            reporter.say(f"{files.id} is set aside: {files.id} has lesions already ({files.lesion_mask.name}).")
    healthy = [files for files in folder.subjects if not files.lesion_mask]
    if not healthy:
        raise BenchError(f"No subject of {source} could be used.")
    _begin(source, target, healthy, settings, seed, channels)
    written = 0
    with reporter.task("simulating lesions", len(healthy)) as tick:
        work = partial(_simulated, source=source, target=target, settings=settings, seed=seed)
        for files, problem in zip(healthy, on_all_cores(work, healthy), strict=True):
            if problem:
                reporter.say(f"{files.id} is set aside: {problem}")
            else:
                written += 1
            tick(note=files.id)
    if not written:
        raise BenchError(f"No subject of {source} could be used.")
    return written


def _begin(
    source: Path,
    target: Path,
    subjects: list[SubjectFiles],
    settings: LesionSettings,
    seed: int,
    channels: tuple[str, ...] | None,
) -> None:
    """Note in the target what is about to be written there. BenchError when something else is."""
    made_by: dict[str, JsonValue] = {"lesions": lesion_identity(settings), "seed": seed, "reading": reading.VERSION}
    if channels is not None:
        made_by["channels"] = list(channels)
    known = output.noted(target, COMMAND) or {"Settings": made_by, "Sources": {}}
    if known.get("Settings") != made_by:
        raise BenchError(f"{target} holds lesions made with another seed or other settings: name a new folder.")
    before = known.get("Sources")
    sources = dict(before) if isinstance(before, dict) else {}
    for files in subjects:
        content = files_fingerprint(files.paths(tuple(files.images)))
        if files.id not in sources and (
            strangers := [path for path in _paths(files, target).values() if path.exists()]
        ):
            raise BenchError(f"{strangers[0]} is none of what `{COMMAND}` made there: move it away.")
        if sources.setdefault(files.id, content) != content:
            raise BenchError(f"{files.id} has changed since its lesions in {target} were made: name a new folder.")
    if sources != before:
        output.note(target, COMMAND, "simulated lesions", {"Settings": made_by, "Sources": sources}, source)


def is_extracted(image: FloatArray, scan: Scan) -> bool:
    """Whether an image shows nothing outside the brain."""
    outside = image[~scan.brain_mask]
    return outside.size == 0 or bool(np.ptp(outside) == 0)


def _paths(files: SubjectFiles, target: Path) -> dict[str, Path]:
    """What is written of a subject: suffix -> file. The lesion mask comes first: no image is ever without its own."""
    suffixes = ["label-lesion_mask", "desc-brain_mask", *files.images]
    return {suffix: target / anat_folder(files.id) / f"{files.id}_{suffix}.nii.gz" for suffix in suffixes}


def _simulated(
    files: SubjectFiles, source: Path, target: Path, settings: LesionSettings, seed: int
) -> BenchError | None:
    """Simulate and write one subject; why it cannot be used, if so."""
    try:
        _simulate_subject(files, source, target, settings, seed)
    except BenchError as problem:
        return problem
    return None


def _simulate_subject(files: SubjectFiles, source: Path, target: Path, settings: LesionSettings, seed: int) -> None:
    missing = {suffix: path for suffix, path in _paths(files, target).items() if not path.exists()}
    if not missing:
        return
    channels = tuple(files.images)
    healthy = reading.read_scan(files, channels)
    scan = simulate_lesions(healthy, settings, derived_seed(seed, "lesions", files.id))
    scan = enhanced_scan(scan, settings)
    volumes = dict(zip(channels, scan.images, strict=True)) | {"desc-brain_mask": scan.brain_mask}
    about: dict[str, dict[str, JsonValue]] = {"desc-brain_mask": output.BRAIN, "label-lesion_mask": output.LESION}
    for channel, image in zip(channels, scan.images, strict=True):
        about[channel] = {"SkullStripped": is_extracted(image, scan)}
    if scan.lesion_mask is not None:
        volumes["label-lesion_mask"] = scan.lesion_mask
    sources: list[JsonValue] = [output.source_uri(path, source) for path in files.paths(channels).values()]
    for suffix, path in missing.items():
        output.describe(path, {"Sources": sources, **about[suffix]})
        save_nifti(path, volumes[suffix], scan.affine, scan.space)
