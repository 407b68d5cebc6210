"""The features benchmark measures what the method itself would give."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.contributing.contract import fitted_on_tiny_dataset, tiny_dataset
from bench.runs.presets import resolve
from benchmarks import features
from methods.diffusion.score_model import ScoreModel, build_network
from methods.diffusion.tiny import tiny_score_model
from methods.msma.patch_density import PatchDensity
from methods.spatial_msma import SpatialMSMA

FEW = ["patches.noise_levels=2", "patches.steps=3", "patches.patches_per_step=64", "patches.images_per_step=2"]


def test_a_row_is_the_method_with_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dataset = tiny_dataset()
    dataset = replace(dataset, validation_lesions=dataset.test)
    monkeypatch.setattr(features, "chosen_dataset", lambda *_: dataset)
    tiny = tiny_score_model()
    network = build_network(tiny, 2, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(network.last.weight)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "card.json").write_text(json.dumps({"config": tiny.model_dump(), "key": "tiny"}))
    asked = ["--rows", "norm", "norm+means 3 5", "--flows", "norm", "--lesions", "soft", "--set", *FEW]
    kept = ["--json", str(tmp_path / "kept.json"), "--workspace", str(tmp_path), "--draws", "0"]
    monkeypatch.setattr("sys.argv", ["features", "--score-model", str(tmp_path), *asked, *kept, "--threads", "1"])
    features.main()

    found = {tuple(row["row"]): row["values"] for row in json.loads((tmp_path / "kept.json").read_text())}
    assert len(found) == 5 + 3  # readings of both densities, of the Gaussian alone
    config: Any = resolve({"spatial-msma": SpatialMSMA}, "cpu", None, FEW, ["spatial-msma"])["spatial-msma"]
    model = features.model_in(tmp_path, "cpu")
    for row, density, reading in (
        ("norm", "flow", "likelihood"),
        ("norm", "gaussian", "largest"),
        ("norm+means 3 5", "gaussian", "standardised"),
    ):
        changes = features.ROWS[row] | {"density": density, "reading": reading}
        detector = SpatialMSMA()
        detector.patches = trained(features.changed(config.patches, changes, 0), model)
        maps = [detector.score(case) for case in dataset.test]
        expected = features.metrics_of(maps, dataset.test)
        np.testing.assert_allclose(found[row, "0", density, reading, "soft"], expected, rtol=1e-4)


def trained(config: features.PatchDensityConfig, model: ScoreModel) -> PatchDensity:
    """The part as the method trains it."""

    class Fit(SpatialMSMA):
        def fit(self, context: features.FitContext) -> None:
            self.patches = PatchDensity.train(config, context, model)

    detector, _ = fitted_on_tiny_dataset(Fit)
    assert isinstance(detector, Fit)
    return detector.patches
