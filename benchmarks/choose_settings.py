"""Try settings of a method on validation cases with simulated lesions, and print a table of what they give.

    python -m benchmarks.choose_settings restoration [--preset cpu] [--cases 4] [--lesions paper] [--threads N]
                                                   [--changes 'KEY=VALUE ...' ...] [--workspace .bench]
                                                   [--dataset bids --root DIR --atlas DIR]

Each row is the preset's config with the changes named. Test cases are never loaded. Components come from the
workspace's store or the shipped weights, and are trained where neither has them.
"""

import argparse
import time

import numpy as np

from bench.blur import blurred_inside
from bench.cli.options import set_up_processor
from bench.detector import Case, FloatArray
from bench.registry import method
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.presets import resolve
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store
from benchmarks.validation_cases import LESION_SETS, add_data_options, chosen_dataset, metrics_of

CANDIDATES = {
    "spatial-msma": [
        "",
        "patches.density=gaussian",
        "patches.join_channels=separate",
        "patches.join_channels=separate patches.density=gaussian",
        "patches.join_channels=norm",
        "patches.join_channels=norm patches.density=gaussian",
        "patches.join_channels=sum",
        "patches.noise_levels=3",
        "patches.dequantisation=0.1",
    ],
    "restoration": ["", "healthy_cases=0", "start_sigma=1.0", "signed_mm=2", "signed_mm=4"],
    "inpaint": ["", "healthy_cases=0", "signed_mm=4"],
    "ae": ["", "healthy_cases=0", "autoencoder.channels=[24,48,32]", "signed_mm=2", "signed_mm=4"],
    "gradcam-msma": ["", "attention=relu"],
    "dae": ["", "healthy_cases=0", "median_voxels=1", "signed_mm=2", "signed_mm=4"],
    "andi": ["", "healthy_cases=0", "lowest_sigma=0.1 highest_sigma=0.4", "lowest_sigma=0.2 highest_sigma=2.0"],
    "patchcore": ["", "healthy_cases=0", "memory.levels=[0,1]", "memory.levels=[1]", "memory.sigma=0.6"],
}
SMOOTHING_MM = (0.0, 2.0, 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=sorted(CANDIDATES))
    add_data_options(parser, cases=4)
    parser.add_argument("--changes", nargs="*", metavar="'KEY=VALUE ...'", help="these instead of the ones listed here")
    parser.add_argument("--lesions", default="paper", choices=LESION_SETS)
    chosen = parser.parse_args()
    set_up_processor(chosen.threads)  # as `bench run` does
    dataset = chosen_dataset(chosen, chosen.lesions)
    cases = [dataset.validation_lesions[i] for i in range(min(chosen.cases, len(dataset.validation_lesions)))]
    detector_class = method(chosen.method)
    store = Store(chosen.workspace / "components")
    names = [chosen.method]
    print(f"{chosen.method} on {len(cases)} validation cases of {dataset.name}, lesions {chosen.lesions}, seed 0\n")
    print("| change | smoothing, mm | 99-HD | MSD | TPR | PPV | average precision | evaluations | s a case |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for change in CANDIDATES[chosen.method] if chosen.changes is None else chosen.changes:
        smooths = "smoothing_mm" in detector_class.Config.model_fields
        pairs = [*change.split(), *(["smoothing_mm=0"] if smooths else [])]
        config = resolve({chosen.method: detector_class}, chosen.preset, None, pairs, names)[chosen.method]
        candidate = ChosenMethod(detector_class, config, chosen.preset, 0, "cpu")
        fitted = fitted_detector(candidate, dataset, store, SilentReporter())
        before = fitted.network_evaluations
        start = time.perf_counter()
        maps = [fitted.detector.score(case.without_lesion_mask()) for case in cases]
        seconds = (time.perf_counter() - start) / len(cases)
        evaluations = fitted.network_evaluations - before
        for smoothing_mm in SMOOTHING_MM if smooths else (0.0,):
            row = [f"{value:.3f}" for value in mean_metrics(maps, cases, smoothing_mm)]
            cost = [f"{evaluations / len(cases):.0f}", f"{seconds:.1f}"]
            print("|", " | ".join([change or "the preset", f"{smoothing_mm:g}", *row, *cost]), "|", flush=True)


def mean_metrics(maps: list[FloatArray], cases: list[Case], smoothing_mm: float) -> list[float]:
    """Means over cases of the maps, blurred inside the brain."""

    def blurred(values: FloatArray, case: Case) -> FloatArray:
        brain = case.brain_mask.astype(np.float32)
        return blurred_inside(values * brain, brain, smoothing_mm / np.array(case.spacing_mm))

    if smoothing_mm > 0:
        maps = [blurred(*pair) for pair in zip(maps, cases, strict=True)]
    return [float(value) for value in np.mean(metrics_of(maps, cases), axis=0)]


if __name__ == "__main__":
    main()
