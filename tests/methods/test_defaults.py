"""The methods' defaults: the paper's and its authors' values, field by field, and each field says whose its value is.

Facts: section 5 of the paper, and the authors' public code (github.com/ahsanMah/sade).
"""

import re
from typing import Any

import pytest

from bench import registry
from bench.runs.presets import resolve
from bench.settings import settings_of

OWNER = re.compile(r"\b(paper|authors' code|ours)\b")
OURS = [name for name in registry.methods() if registry.method(name).__module__.startswith("methods.")]

SCORE_MODEL = {
    "width": 24,
    "multipliers": (1, 2, 4, 8, 16),
    "blocks_down": (2, 2, 2, 2, 4),
    "blocks_up": (1, 1, 1, 1),
    "fourier_features": 64,
    "fourier_scale": 2.0,
    "sigma_min": 0.06,
    "sigma_max": 545.0,
    "iterations": 1_500_000,
    "batch_size": 8,
    "double_batch_at": 0.5,
    "crop_size": None,
    "learning_rate": 2e-4,
    "decay_learning_rate": False,
    "warm_up": 1000,
    "gradient_clip": 1.0,
    "average_decay": 0.9999,
    "augmentation": "authors-code",
}
FACTS: dict[str, dict[str, Any]] = {
    "spatial-msma": {
        "patches.noise_levels": 20,
        "patches.highest_sigma": pytest.approx(0.06 * (545 / 0.06) ** 0.8, rel=1e-3),
        "patches.lowest_sigma": pytest.approx(0.06 * (545 / 0.06) ** 0.01, rel=1e-3),
        "patches.patch_size": 3,
        "patches.join_channels": "norm",
        "patches.norms": "raw",
        "patches.density": "flow",
        "patches.one_sided": False,
        "patches.position_features": 128,
        "patches.embedding_features": 128,
        "patches.attention_width": 512,
        "patches.image_summary": False,
        "patches.blocks": 20,
        "patches.hidden": 256,
        "patches.residual_blocks": 2,
        "patches.bins": 8,
        "patches.mixture": 10,
        "patches.conditional_base": True,
        "patches.augmentation": "authors-code",
        "patches.dequantisation": 0.0,
        "patches.steps": 150_000,
        "patches.patches_per_step": 2 * 16384,
        "patches.images_per_step": 2,
        "patches.learning_rate": 3e-4,
        "patches.schedule": "constant",
        "patches.gradient_clip": None,
        "patches.weight_decay": 1e-5,
        "patches.average_half_life": 50_000,
        "patches.average_decay": None,
    },
    "restoration": {
        "start_sigma": pytest.approx(0.06 * (545 / 0.06) ** 0.25, rel=1e-3),
        "sampler.steps": 2000 // 4,
        "sampler.predictor": "reverse-diffusion",
        "sampler.corrector_steps": 1,
        "sampler.snr": 0.17,
        "runs": 10,
        "healthy_cases": 0,
        "smoothing_mm": 0.0,
    },
    "inpaint": {
        "start_sigma": None,
        "sampler.steps": 1000,
        "sampler.corrector_steps": 1,
        "sampler.snr": 0.17,
        "mask": "checkerboard",
        "cell_voxels": 3,
        "hide_background": True,
        "runs": 10,
        "healthy_cases": 0,
        "smoothing_mm": 0.0,
    },
    "ae": {"autoencoder.crop_size": None, "autoencoder.augmentation": "authors-code", "healthy_cases": 0},
    "gradcam-msma": {
        "mixture.noise_levels": 10,
        "mixture.highest_sigma": 545.0,
        "mixture.lowest_sigma": 0.0657,
        "mixture.norms": "raw",
        "mixture.gaussians": 10,
        "mixture.covariance": "full",
        "join_channels": "sum",
        "attention": "relu",
        "layer": "input",
        "healthy_cases": 0,
        "smoothing_mm": 0.0,
    },
}


def paper_value(method: str, key: str) -> Any:
    value: Any = resolve({method: registry.method(method)}, "paper", None, [], [method])[method]
    for part in key.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize(("method", "key"), [(method, key) for method, facts in FACTS.items() for key in facts])
def test_the_paper_preset_has_the_papers_and_its_authors_values(method: str, key: str) -> None:
    assert paper_value(method, key) == FACTS[method][key]


@pytest.mark.parametrize("method", ["spatial-msma", "restoration", "inpaint", "gradcam-msma"])
def test_all_diffusion_methods_share_the_papers_score_model(method: str) -> None:
    assert {key: paper_value(method, f"score_model.{key}") for key in SCORE_MODEL} == SCORE_MODEL


@pytest.mark.parametrize("method", OURS)
def test_every_setting_says_whose_value_its_default_is(method: str) -> None:
    settings = settings_of(registry.method(method).Config)
    silent = [key for key, (_, description) in settings.items() if not OWNER.search(description)]
    assert silent == []


@pytest.mark.parametrize("preset", ["cpu", "gpu"])
def test_the_other_presets_name_what_keeps_them_small(preset: str) -> None:
    patches: Any = resolve({"spatial-msma": registry.method("spatial-msma")}, preset, None, [], ["spatial-msma"])
    found = patches["spatial-msma"].patches
    assert (found.norms, found.join_channels, found.image_summary) == ("standardised", "separate+sum", True)
    assert (found.augmentation, found.schedule, found.gradient_clip) == ("none", "one-cycle", 1.0)
