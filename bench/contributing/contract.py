"""The contract every method keeps, checked on a tiny synthetic dataset by `bench check` and the tests."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import ndimage

from bench.contributing.check import Check, gathered
from bench.detector import Detector, MethodConfig
from bench.errors import Skipped
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.scoring import fitted_detector, map_problem
from bench.runs.store import Store
from bench.seeds import numpy_generator
from datasets.case import Case, FloatArray
from datasets.dataset import Dataset

SIZE = 32
CHANNELS = ("T1w", "T2w")


def check_method(detector: type[Detector]) -> list[Check]:
    """Check a detector with its `contract_config` on the CPU, on one channel and on two.

    A fit or score that raises ends its round: what it said is the problem of the point it happened in. A round that
    the method skips is said to be so; it must not skip both.
    """
    checks: list[Check] = []
    for channels in (CHANNELS[:1], CHANNELS):
        with TemporaryDirectory() as folder:
            points = _check(detector, tiny_dataset(channels), Path(folder))
            checks += gathered(points, "fits and scores", f"{' and '.join(channels)}: ")
    if all(": is skipped, " in check.point for check in checks):
        checks.append(Check("runs on one channel or on two", "it skips both, so nothing was checked"))
    return checks


def _check(detector_class: type[Detector], dataset: Dataset, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Points and their problems, in the order of the work."""
    config = detector_class.contract_config()

    def fresh(store: str) -> Detector:
        method = ChosenMethod(detector_class, config, "cpu", 0, "cpu")
        return fitted_detector(method, dataset, Store(folder / store, shipped=None), SilentReporter()).detector

    try:
        detector = fresh("one")
    except Skipped as error:
        wrong = None if isinstance(error.args[0], str) else "skip should give its reason in words, or None"
        yield f"is skipped, {error}", wrong
        return
    first, second = dataset.test[0], dataset.test[1]
    seen = copy.deepcopy(first.without_lesion_mask())
    anomaly_map = detector.score(seen)
    problem = map_problem(anomaly_map, first)
    yield "gives a finite float32 map of the image's shape", problem
    if problem:
        return
    unchanged = np.array_equal(seen.image, first.image) and np.array_equal(seen.brain_mask, first.brain_mask)
    yield "leaves the case as it was", None if unchanged else "score changed the case's image or brain mask"
    detector.score(second.without_lesion_mask())
    yield (
        "gives the same map when it scores a case again, whatever came between",
        _difference(anomaly_map, detector.score(first.without_lesion_mask()), first),
    )
    other_label = replace(first, lesion_mask=first.brain_mask)
    yield (
        "never looks at a label",
        _difference(detector.score(first), detector.score(other_label), first),
    )
    loaded = fresh("one")
    yield (
        "gives the same map from its saved trained parts",
        _difference(anomaly_map, loaded.score(first.without_lesion_mask()), first),
    )
    trained_again = fresh("two")
    yield (
        "gives the same map when it is trained again with the same seed",
        _difference(anomaly_map, trained_again.score(first.without_lesion_mask()), first),
    )


def _difference(one: FloatArray, other: FloatArray, case: Case) -> str | None:
    """The difference of two maps inside the brain as a sentence; None when they agree to rounding."""
    a, b = one[case.brain_mask], other[case.brain_mask]
    if np.allclose(a, b, rtol=1e-4, atol=1e-4 * float(np.std(a))):
        return None
    return f"the maps differ by up to {np.max(np.abs(a - b)):.3g} at a standard deviation of {np.std(a):.3g}"


def fitted_on_tiny_dataset(
    detector_class: type[Detector], config: MethodConfig | None = None, dataset: Dataset | None = None, seed: int = 0
) -> tuple[Detector, Dataset]:
    """What the test of a method needs: the method, fitted on the CPU in seconds, and what it was fitted on.

    Args:
        detector_class: the method.
        config: its settings; its `contract_config` when None.
        dataset: the dataset; `tiny_dataset()` when None.
        seed: the run's seed.

    Returns:
        The detector after `fit`, and the dataset. `dataset.test` holds cases with a lesion to score.
    """
    config, dataset = config or detector_class.contract_config(), dataset or tiny_dataset()
    with TemporaryDirectory() as folder:
        store = Store(Path(folder), shipped=None)
        method = ChosenMethod(detector_class, config, "cpu", seed, "cpu")
        return fitted_detector(method, dataset, store, SilentReporter()).detector, dataset


def tiny_dataset(channels: tuple[str, ...] = CHANNELS, train: int = 4, validation: int = 2, test: int = 2) -> Dataset:
    """Blurred noise in a ball as brains of 32^3 voxels of 2 mm; test cases have one bright ball as lesion."""

    def cases(split: str, count: int) -> tuple[Case, ...]:
        return tuple(_tiny_case(f"{split}-{index}", channels, split == "test") for index in range(count))

    return Dataset(
        name="tiny",
        channels=channels,
        train=cases("train", train),
        validation=cases("validation", validation),
        test=cases("test", test),
        validation_lesions=(),
        test_ids=tuple(f"test-{index}" for index in range(test)),
        training_fingerprint=f"tiny-training-{'-'.join(channels)}-{train}-{validation}",
        fingerprint=f"tiny-{'-'.join(channels)}-{train}-{validation}-{test}",
        description={"source": "synthetic balls"},
    )


def _tiny_case(case_id: str, channels: tuple[str, ...], lesion: bool) -> Case:
    generator = numpy_generator(0, "tiny dataset", case_id)
    offsets = np.indices((SIZE, SIZE, SIZE)) - (SIZE - 1) / 2
    brain_mask = np.linalg.norm(offsets, axis=0) < SIZE * 0.42
    centre = generator.uniform(-5, 5, size=(3, 1, 1, 1))
    lesion_mask = np.linalg.norm(offsets - centre, axis=0) < 3
    image = np.full((len(channels), SIZE, SIZE, SIZE), -1, dtype=np.float32)
    for channel in image:
        noise = generator.standard_normal(brain_mask.shape)
        tissue = 1.5 * ndimage.gaussian_filter(noise, 2) + 0.05 * noise + (0.5 if lesion else 0.0) * lesion_mask
        channel[brain_mask] = np.clip(tissue, -1, 1)[brain_mask]
    return Case(
        id=case_id,
        image=image,
        brain_mask=brain_mask,
        lesion_mask=lesion_mask & brain_mask if lesion else None,
        affine=np.diag([2.0, 2.0, 2.0, 1.0]),
        channels=channels,
    )
