"""Seconds to score one 96 x 112 x 80 case with Spatial-MSMA, against the plain way of doing the same.

    python -m benchmarks.scoring [--preset cpu|gpu|paper] [--device auto|cpu|cuda] [--threads N] [--json]

Weights are untrained: they do not change the time. The named peer is the plain way, as the authors' public code
goes about it: the network in float32 over the whole volume, the flow over every voxel of it. Ours runs the network
on the box of the brain, in bfloat16 where the processor has it, and the flow on brain voxels only. The peer is
measured on one noise level and on a twentieth of the voxels in the same process, and scaled up; both do the same
arithmetic for each voxel, so that is fair to within a few percent. Restoration and Inpaint are one network evaluation
on the box of the brain, measured here too, times the evaluations of their preset.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.cli.options import set_up_processor
from bench.registry import method
from bench.runs.choice import chosen_device
from bench.runs.presets import resolve
from bench.runs.store import machine
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.score_model import ScoreModel, build_network
from methods.msma.conditional import ConditionalDensity, Patches
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import Moments, PatchDensity
from methods.msma.position import voxel_coordinates
from methods.parts.images import brain_box

SHAPE = (96, 112, 80)


def brain_case() -> Case:
    """Two channels, and an ellipsoid of 1.5 litres at 2 mm as the brain."""
    x, y, z = (
        np.linspace(-1, 1, n)[tuple(slice(None) if a == i else None for a in range(3))] for i, n in enumerate(SHAPE)
    )
    brain_mask = (x / 0.78) ** 2 + (y / 0.82) ** 2 + (z / 0.80) ** 2 < 1
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, *SHAPE))
    image = np.where(brain_mask, noise, -1).astype(np.float32)
    return Case("sub-1", image, brain_mask, None, np.diag([2.0, 2, 2, 1]), ("T1w", "T2w"))


def untrained(model: ScoreModelConfig, patches: PatchDensityConfig, device: str) -> PatchDensity:
    """Both components with random weights."""
    score_model = ScoreModel(model, build_network(model, 2, torch.Generator().manual_seed(0)), device)
    density = ConditionalDensity(patches, 2, SHAPE, seed=0).to(device).eval().requires_grad_(False)
    moments = None
    if patches.norms == "standardised":
        small = (len(patches.are_norms(2)), *(n // 2 for n in SHAPE))
        moments = Moments(torch.zeros(small), torch.ones(small))
    return PatchDensity(patches, score_model, SHAPE, moments, density)


def seconds(work: Callable[[], object]) -> float:
    """Of a call, until the device is done with it."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def best_s(work: Callable[[], object], repeats: int = 2) -> float:
    """The shortest of some calls; a GPU has one call before that, to load what it needs."""
    if torch.cuda.is_available():
        work()
    return min(seconds(work) for _ in range(repeats))


@torch.no_grad()
def peer_s(found: PatchDensity, case: Case) -> tuple[float, float]:
    """Network and flow of the plain way: one noise level and a twentieth of the voxels, scaled up."""
    device = found.model.device
    image = torch.from_numpy(case.image)[None].to(device)
    plain = found.model.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    sigma = torch.tensor([0.1], device=device)
    with torch.autocast("cuda", torch.float16, enabled=device == "cuda"):
        network = best_s(lambda: plain(image, sigma)) * found.config.noise_levels
    assert found.density is not None
    everywhere = voxel_coordinates(torch.ones(SHAPE, dtype=torch.bool))
    some = everywhere[::20]
    count = len(found.config.are_norms(case.image.shape[0]))
    patches = Patches(torch.zeros(len(some), count), some, torch.zeros(2 * count), torch.from_numpy(case.image))
    density = found.density.train()  # the flow's networks then compute in float32, like the plain network above
    flow = best_s(lambda: density.log_likelihood(patches, device)) * len(everywhere) / len(some)
    return network, flow


@torch.no_grad()
def sampling_s(found: PatchDensity, case: Case, preset: str) -> dict[str, float]:
    """Seconds a case of the methods that sample, from one network evaluation and how many they make."""
    box = brain_box(case, found.model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)].copy())[None].to(found.model.device)
    sigma = torch.tensor([0.1], device=found.model.device)
    one_s = best_s(lambda: found.model.noise_direction(image, sigma))
    times = {}
    for name in ("restoration", "inpaint"):
        config: Any = resolve({name: method(name)}, preset, None, [], [])[name]
        times[f"{name}_s"] = round(one_s * config.runs * config.sampler.evaluations, 1)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=["cpu", "gpu", "paper"], default="cpu")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    set_up_processor(arguments.threads)  # as `bench run` does
    config = resolve({"spatial-msma": method("spatial-msma")}, arguments.preset, None, [], [])["spatial-msma"]
    device = chosen_device(arguments.device)
    found, case = untrained(config.score_model, config.patches, device), brain_case()  # type: ignore[attr-defined]
    with torch.no_grad():
        ours = best_s(lambda: found.negative_log_likelihood(case), arguments.repeats)
        features = best_s(lambda: found.features(case), arguments.repeats)
    sampling = sampling_s(found, case, arguments.preset)
    network, flow = peer_s(found, case)  # last, as it changes how the components compute
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if device == "cuda":
        peak_mb = torch.cuda.max_memory_allocated() / 2**20
    numbers = {
        "preset": arguments.preset,
        "threads": arguments.threads,
        "machine": machine(device),
        "ours_s": round(ours, 3),
        "ours_level_s": round(features / found.config.noise_levels, 4),
        "ours_flow_s": round(ours - features, 3),
        "peer_network_s": round(network, 3),
        "peer_flow_s": round(flow, 3),
        "peer_s": round(network + flow, 2),
        "ratio": round((network + flow) / ours, 2),
        **sampling,
        **{name.replace("_s", "_ratio"): round(value / ours, 1) for name, value in sampling.items()},
        "peak_memory_mb": round(peak_mb),
        "brain_voxels": int(case.brain_mask.sum()),
    }
    if arguments.json:
        print(json.dumps(numbers))
    else:
        print("\n".join(f"{name:16} {value}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()
