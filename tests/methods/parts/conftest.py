"""Trainings that write a checkpoint at every step."""

import pytest

from methods.parts import training_loop


@pytest.fixture
def checkpoint_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "CHECKPOINT_EVERY_S", -1.0)
