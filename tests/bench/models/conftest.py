from pathlib import Path

import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.detector import Detector
from bench.models.export import copied_parts, space_of, write_template
from bench.models.manifest import Cohort, Manifest, Threshold, write_manifest
from bench.models.model import Model
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store


@pytest.fixture
def model_of(tmp_path):
    """Fits a method on the tiny dataset and makes a model of it: the fitted detector, and the model."""

    def made(method: type[Detector], name: str = "small", folder: Path | None = None) -> tuple[Detector, Model]:
        dataset = tiny_dataset()
        config = method.contract_config()
        store = Store(tmp_path / "store", shipped=None)
        fitted = fitted_detector(ChosenMethod(method, config, "cpu", 3, "cpu"), dataset, store, SilentReporter())
        place = folder or tmp_path / "models" / name
        place.mkdir(parents=True)
        write_template(place, dataset)
        manifest = Manifest(
            name=name,
            title=method.info.title,
            method=method.info.name,
            preset=None,
            config=config.model_dump(mode="json"),
            seed=3,
            channels=dataset.channels,
            space=space_of(dataset.train),
            cohort=Cohort(dataset="tiny", training_fingerprint=dataset.training_fingerprint, train=4, validation=2),
            parts=copied_parts(fitted.parts, place, None),
            post_processing="none",
            thresholds=(Threshold(false_positive_rate=0.01, value=2.0, healthy_ml=(0.5, 1.5)),),
            image_score="top1",
            healthy_scores=(1.0, 2.0),
            licence="Apache-2.0",
            versions={"bench": "0"},
            created="2026-01-01T00:00:00",
        )
        write_manifest(place, manifest)
        return fitted.detector, Model.open(place)

    return made


@pytest.fixture
def case():
    return tiny_dataset().test[0].without_lesion_mask()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))
