"""A model of a finished run: its trained parts, the thresholds and scores of healthy validation scans, a card."""

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.component import AnyComponent, Fitted
from bench.detector import Detector
from bench.errors import BenchError, shortened
from bench.files import save_nifti, write_text
from bench.machine.version import versions
from bench.models.card import card_text
from bench.models.manifest import (
    FALSE_POSITIVE_RATES,
    Cohort,
    FolderName,
    Manifest,
    Matrix,
    Part,
    Space,
    Threshold,
    part_checksum,
    write_manifest,
)
from bench.models.marking import IN_WORDS, marked
from bench.models.model import PARTS, TEMPLATE, TEMPLATE_MASK, Model
from bench.registry import method
from bench.results import RunResult, load_run
from bench.runs.bench import Bench
from bench.runs.choice import ChosenMethod
from bench.runs.datasets import reopened_dataset
from bench.runs.presets import nested
from bench.runs.run_folder import RunFolder, load_map
from bench.runs.scoring import FittedDetector, fitted_detector, score_into
from bench.runs.workspace import DatasetLayout, RunLayout, Workspace
from bench.settings import validated
from datasets.case import Affine, Case, Cases, FloatArray, NativeGrid, ScoreArray
from datasets.dataset import Dataset
from datasets.preparing.grids import same_grid
from datasets.preparing.preparation import SPACING_MM, extent
from datasets.preparing.registration import mean_brain
from datasets.scans.alignment import REFERENCE_CASES, Home
from metrics.image_score import NAME as IMAGE_SCORE
from metrics.image_score import image_score
from metrics.thresholds import healthy_threshold

DECIMALS = 6
LEAST_CORRELATION = 0.999  # of a map with the same one made on another machine


@dataclass(frozen=True)
class Labels:
    """What a person says of a model, beside what the run knows.

    Attributes:
        name: What `--model` takes.
        licence: Of the weights, as an SPDX name such as "CC-BY-SA-3.0".
        attribution: Who is to be named with them.
        cohort: The people it learned from, in words.

    Raises:
        BenchError: For a name that no folder can have, and without a licence.
    """

    name: str
    licence: str
    attribution: str = ""
    cohort: str = ""

    def __post_init__(self) -> None:
        try:
            TypeAdapter(FolderName).validate_python(self.name)
        except ValidationError:
            raise BenchError(
                f"--name {shortened(self.name)!r} cannot be a folder's: take at most 100 letters, digits, '.', '_' and "
                "'-', a letter or digit first."
            ) from None
        if not self.licence.strip():
            raise BenchError("--licence is empty: say under which licence the weights may be used.")


def export_model(bench: Bench, run: Path, labels: Labels, target: Path, device: str) -> Manifest:
    """Write a model of a run.

    The run's validation scans, all healthy, are scored if they were not, by the model itself as it will be used.

    Args:
        bench: Where the run lies.
        run: Its folder, as `found_run` gives it.
        labels: Name, licence, attribution.
        target: The model's folder, new or empty.
        device: "cpu" or "cuda".

    Raises:
        BenchError: For a run that is not finished, a method that no model can be made of, a target with other files.
    """
    if target.exists() and any(target.iterdir()):
        raise BenchError(f"{target} is not empty: name another folder by --to, or another --name.")
    folder = RunFolder.load(run)
    result = finished_result(folder)
    dataset = reopened_dataset(bench.workspace, DatasetLayout(run.parent))
    kind = method(folder.record.method)
    config = validated(kind.Config, nested(folder.record.config), f"{folder.record_file}")
    chosen = ChosenMethod(kind, config, folder.record.preset or "", folder.record.seed, device)
    fitted = fitted_detector(chosen, dataset, bench.store, bench.reporter)
    shipped = bench.store.shipped
    with tempfile.TemporaryDirectory(dir=_made(target.parent), prefix=".model-") as scratch:
        place = Path(scratch, "model")
        place.mkdir()
        write_template(place, dataset)
        manifest = Manifest(
            name=labels.name,
            title=folder.record.title,
            method=folder.record.method,
            preset=folder.record.preset,
            config=config.model_dump(mode="json"),
            seed=folder.record.seed,
            channels=dataset.channels,
            space=space_of(dataset.train),
            cohort=cohort_of(dataset, labels),
            parts=copied_parts(fitted.parts, place, shipped if shipped in target.resolve().parents else None),
            post_processing=IN_WORDS,
            thresholds=(),
            image_score=IMAGE_SCORE,
            healthy_scores=(),
            figures={name: round(one.mean, 4) for name, one in result.metrics.items() if one.mean is not None},
            figures_of=f"{result.dataset} {result.dataset_fingerprint[:8]}, {result.n} test cases, {result.protocol}",
            licence=labels.licence,
            attribution=labels.attribution,
            versions=versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        detector = Model(place, manifest).detector(device, bench.reporter)
        manifest = with_healthy_scans(manifest, folder, dataset, detector, bench)
        write_text(place / "README.md", card_text(manifest))
        manifest = write_manifest(place, manifest)
        if target.exists():
            target.rmdir()
        place.replace(target)
    return manifest


def found_run(workspace: Workspace, given: str) -> Path:
    """The folder of a run: a path, or the newest finished run of a method. BenchError when there is none."""
    if RunLayout(Path(given)).record_file.exists():
        return Path(given)
    newest: tuple[str, Path] | None = None
    for file in workspace.run_files():
        try:
            result = load_run(file)
        except BenchError:
            continue
        if result.method == given and result.status == "finished" and not result.external:
            newest = max(newest or ("", file), (result.created, file))
    if newest is None:
        raise BenchError(
            f"{given} is neither the folder of a run nor a method with a finished run in {workspace}: make one with "
            f"`bench run --method {given}`."
        )
    return newest[1].parents[2]


def finished_result(folder: RunFolder) -> RunResult:
    """The newest result of a run. BenchError when it has none, or its maps come from another program."""
    if folder.record.external:
        raise BenchError(f"{folder.path} holds maps of another program: there are no trained parts to export.")
    results = [load_run(file) for file in folder.path.glob("results/*/run.json")]
    finished = [one for one in results if one.status == "finished"]
    if not finished:
        raise BenchError(f"{folder.path} is not finished: let `bench run` end first.")
    return max(finished, key=lambda one: one.created)


def copied_parts(fitted: tuple[Fitted[AnyComponent], ...], place: Path, beside: Path | None) -> tuple[Part, ...]:
    """Copy trained parts into the model, each once.

    beside: shipped weights that the model will lie among; parts of theirs are named and not copied.
    """
    parts = {}
    for one in fitted:
        if one.folder.name in parts:
            continue
        if one.folder.parent != beside:
            shutil.copytree(one.folder, place / PARTS / one.folder.name, copy_function=shutil.copyfile)
        parts[one.folder.name] = Part(
            component=one.component.name, folder=one.folder.name, sha256=part_checksum(one.folder)
        )
    return tuple(parts.values())


def write_template(place: Path, dataset: Dataset) -> None:
    """The mean of the first training brains, and its core: what scans are aligned to."""
    mean = mean_brain(dataset.train[:REFERENCE_CASES])
    affine = dataset.train[0].affine
    save_nifti(place / TEMPLATE, np.round(mean.image, 3), affine)
    save_nifti(place / TEMPLATE_MASK, mean.inside, affine)


def space_of(train: Cases) -> Space:
    """The box of the training cases, and where their brains lie if all share one grid."""
    shape, affine = train[0].brain_mask.shape, train[0].affine
    brains, sizes_ml, shared = [], [], True
    for case in train:
        brains.append(extent(case.brain_mask, case.affine))
        sizes_ml.append(float(case.brain_mask.sum()) * SPACING_MM**3 / 1000)
        shared = shared and same_grid(shape, case.affine, shape, affine)
    space: dict[str, object] = {
        "shape": shape,
        "spacing_mm": SPACING_MM,
        "affine": matrix(affine) if shared else None,
        "brain_ml": (round(min(sizes_ml), 1), round(max(sizes_ml), 1)),
    }
    if shared:
        home, grid = Home.of(brains), train[0].native or NativeGrid(shape, affine)
        space["lowest_mm"], space["highest_mm"] = home.lowest_mm.tolist(), home.highest_mm.tolist()
        space["training_grid"] = {"shape": grid.shape, "affine": matrix(grid.affine)}
    return Space.model_validate(space)


def cohort_of(dataset: Dataset, labels: Labels) -> Cohort:
    """Who the model learned from, without folders and ids."""
    told = {key: dataset.description[key] for key in ("cohort", "subjects", "split") if key in dataset.description}
    return Cohort(
        dataset=dataset.name,
        training_fingerprint=dataset.training_fingerprint,
        train=len(dataset.train),
        validation=len(dataset.validation),
        description=told,
        who=labels.cohort,
    )


def with_healthy_scans(
    manifest: Manifest, folder: RunFolder, dataset: Dataset, detector: Detector, bench: Bench
) -> Manifest:
    """The manifest with thresholds and scores of the healthy validation scans.

    Maps that the run has of them count, once the model has given one of them again. BenchError when it does not.
    """
    cases = dataset.validation
    known = [case for case in cases if folder.validation_path(case.id).exists()]
    if known and not alike(detector.score(known[0]), load_map(folder.validation_path(known[0].id)), known[0]):
        raise BenchError(
            f"The model does not give the maps of {folder.path} again: its code has changed; run it with --again."
        )
    with bench.reporter.task("scoring healthy validation cases", len(cases)) as tick:
        for case in cases:
            if not folder.validation_path(case.id).exists():
                score_into(folder, FittedDetector(detector, (), 0.0, 0.0), case, "validation")
            tick(note=case.id)
    maps = [np.asarray(load_map(folder.validation_path(case.id)), dtype=np.float32) for case in cases]
    brains = [case.brain_mask for case in cases]
    thresholds = []
    for rate in FALSE_POSITIVE_RATES:
        value = healthy_threshold(maps, brains, rate)
        marked_ml = [
            float(marked(one, case.brain_mask, value).sum()) * voxel_ml(case.affine)
            for one, case in zip(maps, cases, strict=True)
        ]
        thresholds.append(
            Threshold(false_positive_rate=rate, value=value, healthy_ml=tuple(sorted(round(ml, 3) for ml in marked_ml)))
        )
    scores = sorted(round(image_score(one, brain), DECIMALS) for one, brain in zip(maps, brains, strict=True))
    return manifest.model_copy(update={"thresholds": tuple(thresholds), "healthy_scores": tuple(scores)})


def alike(one: FloatArray, other: ScoreArray, case: Case) -> bool:
    """Whether two maps of a case are the same but for rounding, which differs from machine to machine."""
    inside = case.brain_mask
    if np.ptp(other[inside]) == 0:
        return bool(np.allclose(one[inside], other[inside]))
    return bool(np.corrcoef(one[inside], other[inside])[0, 1] > LEAST_CORRELATION)


def voxel_ml(affine: Affine) -> float:
    """Volume of a voxel."""
    return float(abs(np.linalg.det(affine[:3, :3])) / 1000)


def matrix(affine: Affine) -> Matrix:
    """An affine as JSON has it, rounded to what a header in single precision holds."""
    rounded: Matrix = tuple(tuple(float(value) for value in row) for row in np.round(affine, 6) + 0.0)  # type: ignore[assignment]
    return rounded


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
