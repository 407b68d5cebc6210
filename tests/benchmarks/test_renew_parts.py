"""Weights of an earlier version are found under today's settings; what cannot be said in today's words is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from bench.component import AnyComponent, Fitted
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.shipped import CARD
from benchmarks import renew_parts
from methods.diffusion.score_model import ScoreModel
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity
from tests.methods.parts.trainings import FLOW, SCORE_MODEL, make_context

PATCHES = FLOW.model_copy(
    update={
        "embedding_features": 0,
        "norms": "standardised",
        "conditional_base": True,
        "augmentation": "none",
        "schedule": "one-cycle",
        "gradient_clip": 1.0,
        "steps": 5,
    }
)
CAME_IN = ("norms", "conditional_base", "augmentation", "schedule", "gradient_clip")  # settings that had no name then


def parts(store: Path, train: bool = True) -> list[Fitted[AnyComponent]]:
    """Of a store; trained if they may be."""
    context = make_context(store, SilentReporter())
    if not train:
        context.train = ()
    score_model = context.fitted(ScoreModel, SCORE_MODEL.model_copy(update={"iterations": 2}))
    context.fitted(PatchDensity, PATCHES, score_model)
    return context.parts


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with both parts and their cards as they were written once."""
    for part in parts(tmp_path / "store"):
        shutil.copytree(part.folder, tmp_path / "old" / part.component.name)
    change(tmp_path / "old", "patch-density", key="0" * 64)
    card = json.loads((tmp_path / "old" / "patch-density" / CARD).read_text())
    settings = {name: value for name, value in card["config"].items() if name not in CAME_IN}
    change(tmp_path / "old", "patch-density", config={**settings, "embedding_width": 8})
    return tmp_path / "old"


def change(old: Path, part: str, **values: object) -> None:
    """Let a card say something else."""
    path = old / part / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_same_weights_are_found_under_todays_key(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["renew_parts.py", str(old), str(tmp_path / "new")])
    renew_parts.main()
    said = capsys.readouterr().out
    assert "the same key" in said and "a new key, the same weights" in said
    assert PatchDensityConfig(**json.loads(said[said.index("\n{") :])) == PATCHES
    for before, now in zip(parts(tmp_path / "store"), parts(tmp_path / "new", train=False), strict=True):
        assert now.folder.parent == tmp_path / "new" and now.component.key == before.component.key
        states = before.component.state(), now.component.state()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0] | states[1])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"config": {"embedding_features": 4}}, "has an embedding of the image whose layers are others today: train"),
        ({"config": {"embedding_features": 0, "sharpness": 3}}, "there is no setting 'sharpness'"),
        ({"version": 1}, "is of version 1, today's is 2: train it anew"),
        ({"config": {"embedding_features": 0, "blocks": 2}}, "does not fit this version of bench"),
    ],
)
def test_what_cannot_be_said_today_is_refused(
    old: Path, tmp_path: Path, values: dict[str, object], sentence: str
) -> None:
    change(old, "patch-density", **values)
    score_model = renew_parts.renewed(old / "score-model", tmp_path / "new", None)
    with pytest.raises(BenchError, match=sentence):
        renew_parts.renewed(old / "patch-density", tmp_path / "new", score_model)
