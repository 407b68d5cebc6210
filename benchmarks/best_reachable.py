"""What a perfect map scores: the ground truth itself as the anomaly map, under a protocol.

    python benchmarks/best_reachable.py [--root DIR --lesion-atlas DIR] [--protocol paper]

Only the prediction is dilated and components under three voxels are removed, so perfection is not 0 and 1.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from bench.runs.workspace import Workspace
from datasets import bids, phantom
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from metrics.definitions.standard import METRICS
from metrics.evaluate import evaluate_case
from metrics.protocol import protocol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of scans (dataset bids); the phantom if not given")
    parser.add_argument("--lesion-atlas", type=Path)
    parser.add_argument("--protocol", default="paper")
    arguments = parser.parse_args()
    workspace = Workspace(Path(os.environ.get("BENCH_WORKSPACE", ".bench")))
    lesions = LesionSettings(atlas=arguments.lesion_atlas)
    settings = (
        bids.Settings(root=arguments.root, lesions=lesions) if arguments.root else phantom.Settings(lesions=lesions)
    )
    dataset = load_dataset(settings, workspace.datasets)
    rows = []
    for case in dataset.test:
        assert case.lesion_mask is not None
        # A little noise, smaller than the step at the lesions' edges, keeps the candidate thresholds apart.
        noise = np.random.default_rng(0).uniform(0, 0.01, case.lesion_mask.shape).astype(np.float32)
        perfect = case.lesion_mask + noise
        found = evaluate_case(perfect, case.lesion_mask, case.brain_mask, case.spacing_mm, protocol(arguments.protocol))
        rows.append(found.metrics)
    print(f"{dataset.name} {dataset.fingerprint[:8]}, {len(rows)} test cases, protocol {arguments.protocol}")
    for metric in METRICS:
        values = [row[metric.name] for row in rows if row.get(metric.name) is not None]
        if metric.headline or metric.name == "dice":
            print(f"{metric.name:10} {np.mean(np.array(values, dtype=float)):.2f}")


if __name__ == "__main__":
    main()
