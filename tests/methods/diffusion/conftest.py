import numpy as np
import pytest

from bench.component import FitContext
from bench.reporting import SilentReporter
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.tiny import tiny_score_model


def ball_case(name: str, seed: int, channels: int = 2, size: int = 32) -> Case:
    """A noisy ball of tissue on a background of -1."""
    rng = np.random.default_rng(seed)
    distance = np.linalg.norm(np.indices((size,) * 3) - (size - 1) / 2, axis=0)
    brain_mask = distance < 0.4 * size
    image = 0.2 + 0.1 * rng.standard_normal((channels, size, size, size))
    image = np.where(brain_mask, image, -1).astype(np.float32)
    names = ("T1w", "T2w")[:channels]
    return Case(name, image, brain_mask, None, np.diag([2.0, 2, 2, 1]), names)


@pytest.fixture
def cases() -> list[Case]:
    return [ball_case(f"sub-{i}", i) for i in range(3)]


@pytest.fixture
def tiny() -> ScoreModelConfig:
    return tiny_score_model().model_copy(update={"iterations": 12, "bfloat16": False})


@pytest.fixture
def context(cases: list[Case]) -> FitContext:
    return FitContext(
        train=cases,
        validation=cases,
        channels=cases[0].channels,
        training_fingerprint="test",
        seed=0,
        device="cpu",
        store=None,  # type: ignore[arg-type]
        reporter=SilentReporter(),
    )
