"""Several processes that train as one give the weights of one; when one of them dies, the others say so and end."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import os, sys
from dataclasses import replace
from pathlib import Path
import torch
from bench.cluster.devices import joined_devices
from bench.component import Compute, FitContext
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.store import Store
from bench.together import Together
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity
from methods.parts import training_loop

folder, devices, dies = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "dies"
torch.set_num_threads(1)
training_loop.CHECKPOINT_EVERY_S = -1.0
SCORE_MODEL = tiny_score_model().model_copy(update={"iterations": 8, "batch_size": 3, "bfloat16": False})
FLOW = PatchDensityConfig(
    noise_levels=2, highest_sigma=0.3, attention_width=8, embedding_features=4, blocks=1, hidden=8, mixture=2,
    steps=12, patches_per_step=64, images_per_step=3, norms="standardised", augmentation="none", average_decay=0.5,
)

def fit(together):
    if dies and together.rank == 1:
        augment = training_loop.TrainingState.advance
        def advance(state, batches):
            if state.step == 4:
                os._exit(1)
            return augment(state, batches)
        training_loop.TrainingState.advance = advance
    data = tiny_dataset()
    context = FitContext(
        data.train, data.validation, data.channels, "test", 0, "cpu", Store(folder, shipped=None), SilentReporter(),
        together=together,
    )
    model = context.fitted(ScoreModel, SCORE_MODEL)
    context.fitted(PatchDensity, FLOW, upstream=model)

try:
    if devices == 1:
        fit(Together())
    else:
        with joined_devices("cpu", devices, 1) as together:
            fit(together)
except BenchError as error:
    sys.exit(str(error))
"""


def trained(folder: Path, devices: int, dies: bool = False) -> subprocess.CompletedProcess[str]:
    script = folder.parent / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(folder), str(devices), "dies" if dies else "lives"]
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "HOME": str(folder.parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)


def largest_difference(one: Path, other: Path) -> float:
    """Between the weights of the parts in two stores, which have the same names."""
    files = sorted(one.glob("*/weights.safetensors"))
    assert [f.parent.name for f in files] == [f.parent.name for f in sorted(other.glob("*/weights.safetensors"))]
    assert len(files) == 2
    differences = []
    for file in files:
        mine, theirs = load_file(file), load_file(other / file.parent.name / file.name)
        differences += [float((mine[n].double() - theirs[n].double()).abs().max()) for n in mine]
    return max(differences)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_give_the_weights_of_one_and_resume_when_one_dies(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert trained(one, 1).returncode == 0
    died = trained(two, 2, dies=True)
    assert died.returncode == 1
    assert "Another process of this training ended" in died.stderr
    assert not list(two.glob("*/weights.safetensors"))
    assert list(two.glob(".training-*/checkpoint.safetensors"))
    again = trained(two, 2)
    assert again.returncode == 0, again.stderr
    assert largest_difference(one, two) < 1e-4  # Adam makes much of rounding
