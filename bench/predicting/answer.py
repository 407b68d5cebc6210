"""One scan: read, aligned if it has to be, scored, thresholded, and brought back to its own grid."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.detector import Detector
from bench.errors import BenchError
from bench.machine.version import versions
from bench.models.card import median
from bench.models.marking import marked
from bench.models.model import Model
from bench.predicting.head import FoundHead, found_head, is_whole_head
from bench.predicting.sidecar import (
    AlignmentFacts,
    ImageScore,
    ModelFacts,
    Sidecar,
    ThresholdFacts,
    VolumeFacts,
)
from bench.runs.scoring import timed_map
from datasets.case import Affine, BoolArray, Case, FloatArray
from datasets.fingerprint import fingerprint
from datasets.preparing import preparation, registration
from datasets.preparing.preparation import Scan
from datasets.scans.alignment import Mode, lies_elsewhere
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.inspection import file_stamp
from datasets.scans.reading import read_scan
from metrics.components import components
from metrics.image_score import NAME, image_score

BRAIN_MARGIN = 0.1  # by which a brain may be smaller or larger than all training brains
NEIGHBOURS: Literal[26] = 26  # of a voxel, where components of the mask are counted


@dataclass(frozen=True)
class Answer:
    """A scan with its map and mask, all on its own grid: (X, Y, Z)."""

    scan: Scan
    anomaly_map: FloatArray
    mask: BoolArray
    sidecar: Sidecar


@dataclass(frozen=True)
class Question:
    """What is asked of every scan.

    detector: the model's, ready to score. fpr: which of the model's thresholds. align: see `bench run`.
    device: "cpu" or "cuda", of what finds the brain in a whole head.
    """

    model: Model
    detector: Detector
    fpr: float
    align: Mode
    device: str = "cpu"


def stamp_of(files: SubjectFiles, channels: tuple[str, ...]) -> str:
    """What changes when one of a scan's files does. BenchError when one cannot be opened."""
    return fingerprint({role: file_stamp(path)[1:] for role, path in files.paths(channels).items()})


def answered(files: SubjectFiles, question: Question) -> Answer:
    """The answer for one scan. BenchError, in a sentence, for a scan that cannot be used."""
    start = time.perf_counter()
    manifest = question.model.manifest
    stamp = stamp_of(files, manifest.channels)
    head = found_head(files, question.model, question.device) if is_whole_head(files, manifest.channels[0]) else None
    scan = head.scan if head else read_scan(files, manifest.channels)
    check_contrast(scan, files)
    place, how, why = alignment(scan, question, head)
    case = preparation.prepare(scan, question.model.frame, place)
    anomaly_map, _ = timed_map(question.detector, case)
    threshold = manifest.threshold(question.fpr)
    above = marked(anomaly_map, case.brain_mask, threshold.value)
    own_map = preparation.to_native(anomaly_map, case, outside=float(anomaly_map[case.brain_mask].min()))
    mask = preparation.to_native(above, case) & scan.brain_mask
    score = image_score(anomaly_map, case.brain_mask)
    sidecar = Sidecar(
        id=files.id,
        sources=[path.name for path in files.paths(manifest.channels).values()],
        channels=list(manifest.channels),
        model=ModelFacts(name=manifest.name, method=manifest.method, checksum=manifest.checksum, versions=versions()),
        threshold=ThresholdFacts(
            value=threshold.value, false_positive_rate=question.fpr, post_processing=manifest.post_processing
        ),
        brain_mask=head.brain_from if head else files.brain_mask.name if files.brain_mask else "extracted before",
        alignment=AlignmentFacts(how=how, why=why, box_to_scan=np.round(case.affine, 4).tolist()),
        volumes=volumes(mask, scan, median(threshold.healthy_ml)),
        image_score=ImageScore(
            name=NAME,
            value=score,
            percentile=round(manifest.percentile(score), 1),
            healthy_scans=len(manifest.healthy_scores),
        ),
        warnings=warnings(case, score, question.model),
        seconds=round(time.perf_counter() - start, 1),
        stamp=stamp,
    )
    return Answer(scan, own_map, mask, sidecar)


def warnings(case: Case, score: float, model: Model) -> list[str]:
    """What makes a map hard to believe, each a sentence."""
    found = []
    smallest_ml, largest_ml = model.manifest.space.brain_ml
    brain_ml = float(case.brain_mask.sum()) * model.manifest.space.spacing_mm**3 / 1000
    if not smallest_ml * (1 - BRAIN_MARGIN) <= brain_ml <= largest_ml * (1 + BRAIN_MARGIN):
        found.append(
            f"The brain mask is drawn otherwise than those learned from: {brain_ml:.0f} ml in the model's box, where "
            f"they have {smallest_ml:.0f} to {largest_ml:.0f}; its rim will stand out."
        )
    if score > model.manifest.far_score:
        found.append(
            "The score is far above that of all healthy scans: another scanner, contrast or brain mask explains that "
            "sooner than a lesion does."
        )
    return found


def check_contrast(scan: Scan, files: SubjectFiles) -> None:
    """BenchError for an image with one value in all of the brain."""
    for channel, image in zip(scan.channels, scan.images, strict=True):
        if np.ptp(image[scan.brain_mask]) == 0:
            raise BenchError(
                f"{files.images[channel]} has one value in all of the brain, as masks have; name the scan itself."
            )


def alignment(
    scan: Scan, question: Question, head: FoundHead | None
) -> tuple[Affine | None, Literal["none", "affine", "failed"], str]:
    """Where the model's box lies for this scan, if it is not where the scan says; how that was found, and why.

    A whole head lies where the scanner had it, which is never where brains on a template lie.
    """
    home = question.model.home
    brain = preparation.extent(scan.brain_mask, scan.affine)
    if question.align == "none":
        return None, "none", "not asked for"
    if question.align == "auto" and home is None:
        return None, "none", "the training scans share no space"
    if question.align == "auto" and home is not None and not (head or lies_elsewhere(brain, home)):
        return None, "none", "the brain lies where the training brains lie"
    if head is not None:
        return head.place, "affine", "asked for" if question.align == "affine" else "a whole head"
    place = registration.aligned_box(scan, question.model.frame, question.model.mean_brain)
    if place is None:
        return None, "failed", "no registration makes it more like the training brains; the scan stays where it lies"
    why = "asked for" if question.align == "affine" else "the brain lies elsewhere than the training brains"
    return place, "affine", why


def volumes(mask: BoolArray, scan: Scan, healthy_median_ml: float) -> VolumeFacts:
    """What is marked, in ml of the scan's own grid."""
    voxel_ml = float(abs(np.linalg.det(scan.affine[:3, :3])) / 1000)
    found = components(np.zeros_like(mask), mask, NEIGHBOURS).lesion_voxels
    return VolumeFacts(
        brain_ml=round(float(scan.brain_mask.sum() * voxel_ml), 1),
        marked_ml=round(float(mask.sum() * voxel_ml), 3),
        components=len(found),
        largest_ml=round(max(found, default=0) * voxel_ml, 3),
        healthy_median_ml=healthy_median_ml,
    )
