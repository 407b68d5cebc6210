"""Try settings of a method on validation cases with simulated lesions, and print a table of what they give.

    python benchmarks/choose_settings.py restoration [--preset cpu] [--cases 4] [--lesions paper] [--threads N]
                                                [--changes 'KEY=VALUE ...' ...] [--workspace .bench]
                                                [--dataset bids --root DIR --atlas DIR]

Each row is the preset's config with the changes named. Test cases are never loaded. Components come from the
workspace's store or the shipped weights, and are trained where neither has them.
"""

import argparse
import time
from pathlib import Path

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
from datasets.load import load_dataset
from datasets.settings import SIZE_OF_PRESET
from datasets.sources import dataset_settings
from metrics.evaluate import evaluate_case
from metrics.protocol import protocol

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
METRICS = ("hd99_vox", "msd_vox", "tpr", "ppv", "average_precision")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=sorted(CANDIDATES))
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--root", type=Path, help="folder of scans, for --dataset bids")
    parser.add_argument("--atlas", type=Path, help="folder of lesion masks SIZECLASS/N.nii.gz; without it, made shapes")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--changes", nargs="*", metavar="'KEY=VALUE ...'", help="these instead of the ones listed here")
    parser.add_argument("--lesions", default="paper", choices=("paper", "plain", "soft"))
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workspace", type=Path, default=Path(".bench"))
    chosen = parser.parse_args()
    set_up_processor(chosen.threads)  # as `bench run` does
    data = {"cohort_size": SIZE_OF_PRESET[chosen.preset]} if chosen.root is None else {"root": chosen.root}
    settings = dataset_settings(chosen.dataset, data | {"lesions": {"set": chosen.lesions, "atlas": chosen.atlas}})
    dataset = load_dataset(settings, chosen.workspace / "datasets")
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
    """Means over cases under the paper's protocol; a metric that is not defined for a case counts as NaN."""
    rows = []
    for anomaly_map, case in zip(maps, cases, strict=True):
        assert case.lesion_mask is not None
        brain = case.brain_mask.astype(np.float32)
        values = np.where(case.brain_mask, anomaly_map, 0)
        if smoothing_mm > 0:
            values = blurred_inside(values, brain, smoothing_mm / np.array(case.spacing_mm)) * brain
        found = evaluate_case(values, case.lesion_mask, case.brain_mask, case.spacing_mm, protocol("paper"))
        rows.append([np.nan if (value := found.metrics[name]) is None else value for name in METRICS])
    return [float(value) for value in np.mean(np.array(rows, dtype=float), axis=0)]


if __name__ == "__main__":
    main()
