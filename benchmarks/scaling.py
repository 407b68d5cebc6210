"""How a run scales with workers and cases, and what the paper's training and evaluation cost on 1, 8 and 64 GPUs.

    python -m benchmarks.scaling measure [--method NAME] [--workers 1 2] [--cases 4 8] [--cluster auto] [--json]
    python -m benchmarks.scaling cost [--step-s S] [--forward-s S] [--flow-s S] [--tflops N] [--gpus 1 8 64] [--json]

`measure` runs a method on the phantom's cases by Ray workers, each time anew, with cases and trained parts there
before: seconds of scoring and evaluating, with the start of all workers but the first in it. Efficiency is set against
the first number of workers. --workers are cores of this machine; another cluster has as many as it has room for.

`cost` counts the FLOPs of the preset `paper` (a multiply and an add are two) by torch's counter on tensors without
data, on the box 80 x 96 x 80 of a brain, and multiplies by steps and cases. Seconds come from what was measured: a
training step of 8 images (--step-s, that `benchmarks.training` prints), a network evaluation of an image (--forward-s)
and Spatial-MSMA's flow over a brain (--flow-s); or else from --tflops. Of the flow only matrix products are counted, so
its rate is below the network's. The peer is the measured step itself: TFLOP/s that do not fit the card tell of a wrong
count.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bench.reporting import Tick

BOX = (80, 96, 80)
BRAIN_VOXELS = 190_000  # 1.5 litres at 2 mm
TRAINING_CASES, TEST_CASES = 1320, 165
METHODS = ("spatial-msma", "restoration", "inpaint", "ae", "gradcam-msma")


class Timer:
    """A reporter that shows nothing, and keeps the seconds of each task."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """Measure it."""
        start = time.perf_counter()
        yield lambda steps=1, note="": None
        self.seconds[description] = time.perf_counter() - start

    def say(self, line: str) -> None:
        """Nothing."""


def measure(options: argparse.Namespace) -> list[dict[str, float]]:
    """A row for each number of workers and of cases."""
    from bench.cluster.backend import ray_backend
    from bench.runs.bench import Bench
    from bench.runs.choice import Choice
    from bench.runs.run import run
    from bench.runs.workspace import Workspace
    from datasets.phantom import Settings
    from metrics.protocol import protocol

    choice = Choice((options.method,), preset=options.preset)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(options.workspace or Path(folder)).absolute()
        for workers in options.workers:
            with ray_backend(options.cluster, cores=workers) as backend:
                for cases in options.cases:
                    settings = Settings(cohort_size=options.cohort_size, cases=cases)
                    for _ in range(1 if rows else 2):  # the first time trains parts and makes cases
                        timer = Timer()
                        run(Bench(workspace, timer, backend=backend), choice, settings, protocol("paper"), again=True)
                    seconds = sum(timer.seconds[f"{options.method}: {what}"] for what in ("scoring", "evaluating"))
                    rows.append({"workers": backend.most_workers, "cases": cases, "seconds": round(seconds, 2)})
    for row in rows:
        first = next(one for one in rows if one["cases"] == row["cases"])
        row["efficiency"] = round(first["seconds"] * first["workers"] / (row["seconds"] * row["workers"]), 2)
    return rows


def counted(work: Any) -> float:
    """TFLOP of some work in torch."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e12


def backward(output: Any) -> None:
    """The gradient of a sum."""
    output.sum().backward()


def networks() -> dict[str, float]:
    """TFLOP of the preset `paper`: a forward pass and a training step's share of one image, of each network; the flow
    of one brain."""
    import torch

    from bench.registry import method
    from bench.runs.presets import resolve
    from methods.diffusion.score_model import build_network
    from methods.msma.conditional import ConditionalDensity, Patches
    from methods.parts import autoencoder

    configs: dict[str, Any] = resolve({name: method(name) for name in METHODS}, "paper", None, [], [])
    msma, ae = configs["spatial-msma"], configs["ae"]
    score = build_network(msma.score_model, 2, torch.Generator().manual_seed(0)).to("meta")
    coder = autoencoder.build_network(ae.autoencoder, 2, 0).to("meta")
    image, sigma = torch.empty(1, 2, *BOX, device="meta"), torch.empty(1, device="meta")
    some = 64
    norms = len(msma.patches.are_norms(2))
    density = ConditionalDensity(msma.patches, 2, BOX, seed=0)
    patches = Patches(torch.zeros(some, norms), torch.zeros(some, 3), torch.zeros(2 * norms), torch.zeros(2, *BOX))
    features = density.image_features(patches, "cpu").detach()
    embed = counted(lambda: density.image_features(patches, "cpu"))
    flow = counted(lambda: density.log_prob(patches.norms, patches.coordinates, features)) / some
    both = counted(lambda: backward(density.log_prob(patches.norms, patches.coordinates, features))) / some
    return {
        "score forward": counted(lambda: score(image, sigma)),
        "score training": counted(lambda: backward(score(image, sigma))),
        "autoencoder forward": counted(lambda: coder(image)),
        "autoencoder training": counted(lambda: backward(coder(image))),
        "flow of a brain": embed + flow * BRAIN_VOXELS,
        "flow training step": 3 * embed * msma.patches.images_per_step + both * msma.patches.patches_per_step,
    }


@dataclass(frozen=True)
class Work:
    """What is done: TFLOP of it all, and the TFLOP/s of a GPU at it, by kind; among how many GPUs it can be split."""

    what: str
    parts: tuple[tuple[float, float], ...]
    split: int

    def row(self, gpus: list[int]) -> dict[str, Any]:
        """Its line of the table; hours are those of the GPU that has most of the work."""
        tflop = sum(one for one, _ in self.parts)
        seconds = sum(one / rate for one, rate in self.parts)
        row: dict[str, Any] = {"what": self.what, "TFLOP": tflop, "TFLOP/s": tflop / seconds if seconds else None}
        for count in gpus:
            share = ceil(self.split / min(count, self.split)) / self.split
            row[f"hours on {count}"] = seconds * share / 3600
        return row


def costs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each training and each method's scoring: TFLOP, hours on one GPU, hours on several."""
    from bench.registry import method
    from bench.runs.presets import resolve

    tflop = networks()
    configs: dict[str, Any] = resolve({name: method(name) for name in METHODS}, "paper", None, [], [])
    msma, model = configs["spatial-msma"], configs["spatial-msma"].score_model
    coder, mixture = configs["ae"].autoencoder, configs["gradcam-msma"].mixture
    images = model.batch_size * model.iterations * (1 + (1 - model.double_batch_at))  # batches double on the way
    training_rate = 8 * tflop["score training"] / options.step_s if options.step_s else options.tflops
    forward_rate = tflop["score forward"] / options.forward_s if options.forward_s else options.tflops
    flow_rate = tflop["flow of a brain"] / options.flow_s if options.flow_s else options.tflops
    levels, steps, pictures = msma.patches.noise_levels, msma.patches.steps, msma.patches.images_per_step
    examples = coder.iterations * coder.batch_size
    trainings = [
        Work("train score model", ((images * tflop["score training"], training_rate),), model.batch_size),
        Work("train flow: norms", ((steps * pictures * levels * tflop["score forward"], forward_rate),), pictures),
        Work("train flow: steps", ((steps * tflop["flow training step"], flow_rate),), pictures),
        Work("train autoencoder", ((examples * tflop["autoencoder training"], training_rate),), coder.batch_size),
        Work("fit mixture", ((TRAINING_CASES * mixture.noise_levels * tflop["score forward"], forward_rate),), 1),
    ]
    samplers = (configs["restoration"], configs["inpaint"])
    restoration, inpaint = (one.runs * one.sampler.evaluations * tflop["score forward"] for one in samplers)
    scorings: dict[str, list[tuple[float, float]]] = {
        "spatial-msma": [(levels * tflop["score forward"], forward_rate), (tflop["flow of a brain"], flow_rate)],
        "restoration": [(restoration, forward_rate)],
        "inpaint": [(inpaint, forward_rate)],
        "ae": [(tflop["autoencoder forward"], forward_rate)],
        "gradcam-msma": [(mixture.noise_levels * tflop["score training"], training_rate)],
    }
    scored = [
        Work(f"score {name}", tuple((TEST_CASES * one, rate) for one, rate in parts), TEST_CASES)
        for name, parts in scorings.items()
    ]
    rows = [work.row(options.gpus) for work in (*trainings, *scored)]
    return [*rows, {"what": "all, one after another", **{key: sum(row[key] for row in rows) for key in total(rows)}}]


def total(rows: list[dict[str, Any]]) -> list[str]:
    """The columns that add up."""
    return [key for key in rows[0] if key == "TFLOP" or key.startswith("hours")]


def shown(rows: list[dict[str, Any]]) -> str:
    """Rows as a table."""
    names = list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]

    def aligned(line: list[str]) -> str:
        return "  ".join([line[0].ljust(widths[0]), *(cell.rjust(widths[i]) for i, cell in enumerate(line) if i)])

    return "\n".join(map(aligned, [names, *cells]))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return str(value)


def main() -> None:
    """Measure, or reckon."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("--method", default="spatial-msma")
    one.add_argument("--preset", choices=["cpu", "gpu", "paper"], default="cpu")
    one.add_argument("--cohort-size", choices=["small", "medium", "paper"], default="small")
    one.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    one.add_argument("--cases", type=int, nargs="+", default=[4, 8])
    one.add_argument("--cluster", default="local")
    one.add_argument("--workspace", type=Path, help="to keep cases and trained parts")
    one.set_defaults(work=measure)
    two = commands.add_parser("cost")
    two.add_argument("--step-s", type=float, help="seconds of a training step of 8 images on one GPU")
    two.add_argument("--forward-s", type=float, help="seconds of a network evaluation of one image on one GPU")
    two.add_argument("--flow-s", type=float, help="seconds of Spatial-MSMA's flow over a brain on one GPU")
    two.add_argument("--tflops", type=float, default=40.0, help="TFLOP/s where no time was measured")
    two.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    two.set_defaults(work=costs)
    for command in (one, two):
        command.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = options.work(options)
    print(json.dumps(rows) if options.json else shown(rows))


if __name__ == "__main__":
    main()
