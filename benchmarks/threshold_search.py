"""How much faster the threshold search is than the plain pipeline of skimage and MONAI, on equal results.

Ten cases of 96 x 112 x 80 voxels: lesions of an atlas (or blobs), smooth maps at several signal-to-noise
ratios and smoothnesses, a bright rim. Both sides run in this process, on one thread; times are those of its CPU, so
that other programs on the machine disturb less.

    python benchmarks/threshold_search.py --lesion-atlas DIR --json
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.metrics import compute_average_surface_distance
from scipy import ndimage
from skimage.measure import label

from metrics.morphology import BoolArray
from metrics.postprocess import ground_truth
from metrics.protocol import Protocol, protocol
from metrics.search import candidates, lowest, search_threshold
from metrics.thresholds import ScoredCase

SHAPE, SPACING_MM = (96, 112, 80), (2.0, 2.0, 2.0)
BRAIN_RADII = (36.0, 45.0, 36.0)  # voxels
LESION_LOAD_VOXELS = 2500  # 20 ml at 2 mm
SIZE_CLASSES = {"5000-more": 1, "1000-5000": 4, "500-1000": 4, "100-500": 8, "50-100": 8}  # masks of each a case
CASES = [  # smoothing of the noise in voxels, signal-to-noise ratio in lesions
    (smoothing, ratio) for smoothing in (0.7, 1.0, 1.5, 2.0, 3.0) for ratio in (1.5, 4.0)
]


def plain_search(case: ScoredCase, truth: BoolArray, brain: BoolArray, protocol: Protocol) -> tuple[float, float]:
    """The protocol's definition, one threshold after the other; returns (threshold, distance)."""
    thresholds = candidates(case.anomaly_map, brain, protocol)
    steps = np.indices((5, 5, 5)) - 2
    rim = brain & ~ndimage.binary_erosion(brain, (steps**2).sum(axis=0) <= 4, border_value=1)
    truth_channel = torch.from_numpy(truth)[None, None]
    distances = []
    for threshold in thresholds:
        mask = (case.anomaly_map > threshold) & brain
        labels = label(mask, connectivity={6: 1, 18: 2, 26: 3}[protocol.removal_connectivity])
        keep = np.bincount(labels.ravel()) >= protocol.search_min_voxels
        keep[0] = False
        if protocol.rim_radius:
            keep[labels[rim]] = False
        mask = ndimage.binary_dilation(keep[labels])
        if protocol.dilate_inside_brain:
            mask &= brain
        distance = np.inf
        if mask.any():
            prediction = torch.from_numpy(mask)[None, None]
            distance = compute_average_surface_distance(
                prediction,
                truth_channel,
                include_background=True,
                symmetric=True,
                spacing=SPACING_MM if protocol.search_unit == "mm" else None,
            ).item()
        distances.append(distance)
    chosen = lowest(np.array(distances), protocol.early_stop)
    return float(thresholds[chosen]), distances[chosen]


def make_case(index: int, atlas: Path | None) -> ScoredCase:
    """A smooth noise map with a bright rim and lesions that stand out by the case's signal-to-noise ratio."""
    generator = np.random.default_rng(index)
    smoothing, ratio = CASES[index]
    grid = (np.indices(SHAPE) - np.reshape(np.array(SHAPE) / 2, (3, 1, 1, 1))).astype(np.float32)
    radius = np.sqrt(sum((axis / size) ** 2 for axis, size in zip(grid, BRAIN_RADII, strict=True)))
    wobble = ndimage.gaussian_filter(generator.standard_normal(SHAPE), 5)
    brain = radius + 0.05 * wobble / wobble.std() < 1
    lesions = (atlas_lesions(generator, atlas) if atlas else blob_lesions(generator)) & brain
    noise = ndimage.gaussian_filter(generator.standard_normal(SHAPE), smoothing)
    depth = ndimage.distance_transform_edt(brain)
    bright_rim = 2 * np.exp(-depth / 1.5) * generator.uniform(0, 1)
    signal = ratio * ndimage.gaussian_filter(lesions.astype(float), 0.7)
    anomaly_map = (noise / noise.std() + bright_rim + signal).astype(np.float32)
    return ScoredCase(anomaly_map, lesions, brain, SPACING_MM)


def atlas_lesions(generator: np.random.Generator, atlas: Path) -> BoolArray:
    """Lesion masks SIZECLASS/N.nii.gz of an MNI152 1 mm atlas, drawn at random and halved in resolution."""
    lesions = np.zeros(SHAPE, dtype=bool)
    for size_class, number in SIZE_CLASSES.items():
        files = sorted((atlas / size_class).glob("*.nii.gz"))
        for file in generator.choice(np.array(files, dtype=object), number, replace=False):
            mask = np.asarray(nib.load(file).dataobj) > 0
            half = mask[: 2 * (mask.shape[0] // 2), : 2 * (mask.shape[1] // 2), : 2 * (mask.shape[2] // 2)]
            blocks = half.reshape(half.shape[0] // 2, 2, half.shape[1] // 2, 2, half.shape[2] // 2, 2)
            lesions |= fitted(blocks.mean(axis=(1, 3, 5)) >= 0.5)
            if lesions.sum() > LESION_LOAD_VOXELS:
                return lesions
    return lesions


def fitted(mask: BoolArray) -> BoolArray:
    """The central SHAPE of a volume, padded where it is smaller."""
    for axis, size in enumerate(SHAPE):
        missing = max(size - mask.shape[axis], 0)
        pad = [(0, 0)] * 3
        pad[axis] = (missing // 2, missing - missing // 2)
        mask = np.pad(mask, pad)
        begin = (mask.shape[axis] - size) // 2
        mask = np.take(mask, np.arange(begin, begin + size), axis=axis)
    return mask


def blob_lesions(generator: np.random.Generator) -> BoolArray:
    """Ellipsoids around the centre, each with its mirror image, until the lesion load is reached."""
    lesions = np.zeros(SHAPE, dtype=bool)
    grid = np.indices(SHAPE)
    while lesions.sum() < LESION_LOAD_VOXELS:
        centre = np.array(SHAPE) / 2 + generator.normal(0, (6, 14, 9))
        radii = generator.uniform(1, 4.5) * generator.uniform(0.6, 1.4, size=3)
        for mirrored in (False, True):
            x = SHAPE[0] - 1 - centre[0] if mirrored else centre[0]
            middle = (x, centre[1], centre[2])
            lesions |= sum(((g - c) / r) ** 2 for g, c, r in zip(grid, middle, radii, strict=True)) < 1
    return lesions


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def compare(index: int, atlas: Path | None, preset: Protocol, repeats: int) -> dict[str, float]:
    """Time both searches on one case; raises ValueError when they disagree."""
    case = make_case(index, atlas)
    brain = np.asarray(case.brain_mask, dtype=bool)
    truth = ground_truth(np.asarray(case.lesion_mask, dtype=bool), brain, preset)
    start = time.process_time()
    threshold, distance = plain_search(case, truth, brain, preset)
    plain_s = time.process_time() - start
    found = search_threshold(case.anomaly_map, truth, brain, SPACING_MM, preset)
    difference = abs(found.distances[found.chosen] - distance)
    if found.threshold != threshold or difference > 1e-5 * distance:  # MONAI works in single precision
        raise ValueError(f"case {index}: {found.threshold} instead of {threshold}, {difference} apart")
    fast_s = seconds(lambda: search_threshold(case.anomaly_map, truth, brain, SPACING_MM, preset), repeats)
    return {"plain_s": plain_s, "fast_s": fast_s, "ratio": plain_s / fast_s, "difference": difference}


def main() -> None:
    """Compare on all cases and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lesion-atlas", type=Path, help="folder of SIZECLASS/N.nii.gz; without it, blobs")
    parser.add_argument("--protocol", default="paper")
    parser.add_argument("--cases", type=int, default=len(CASES))
    parser.add_argument("--repeats", type=int, default=5, help="runs of the fast search, of which the shortest counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    preset = protocol(options.protocol)
    compare(0, options.lesion_atlas, preset, 1)  # compiles
    results = []
    for index in range(options.cases):
        results.append(compare(index, options.lesion_atlas, preset, options.repeats))
        if not options.json:
            print(f"case {index}: " + ", ".join(f"{name} {value:.3g}" for name, value in results[-1].items()))
    ratios = [result["ratio"] for result in results]
    summary = {
        "protocol": str(preset),
        "lesions": "atlas" if options.lesion_atlas else "blobs",
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "fast_s_median": statistics.median(result["fast_s"] for result in results),
        "plain_s_median": statistics.median(result["plain_s"] for result in results),
        "cases": results,
    }
    print(json.dumps(summary, indent=1) if options.json else {k: v for k, v in summary.items() if k != "cases"})


if __name__ == "__main__":
    main()
