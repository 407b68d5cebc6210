"""A whole head: its brain is found by deepbet, and its mask drawn as wide as those that the model learned from."""

from dataclasses import replace

import numpy as np

from bench.models.model import Model
from datasets.case import BoolArray
from datasets.preparing import preparation
from datasets.preparing.brain import is_extracted
from datasets.preparing.heads import Head, HeadSettings, read_head
from datasets.preparing.preparation import Scan
from datasets.preparing.registration import aligned_box
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.reading import read_image

WIDENED_MM = 2.0  # docs/predict.md has the figures that this was chosen by


def is_whole_head(files: SubjectFiles, channel: str) -> bool:
    """Whether a scan has neither a brain mask nor a background that was removed. BenchError when it cannot be read."""
    return files.brain_mask is None and not is_extracted(*read_image(files.images[channel]))


def head_scan(files: SubjectFiles, model: Model, device: str) -> tuple[Scan, str]:
    """A whole head as a scan with a brain mask, on the grid of its first channel; other channels are registered to it.

    deepbet's masks end where the brain does. Where those that the model learned from include the fluid around it,
    the mask is widened. Bias fields are left: what a model expects of intensities is what its scans had. Gives in words
    where the mask comes from, too.

    BenchError, in a sentence, when no brain is found or a file cannot be used.
    """
    images = {channel: files.images[channel] for channel in model.manifest.channels}
    head = read_head(replace(files, images=images), HeadSettings(bias_correction=False), device)
    scan = head.scan()
    if not is_narrower(scan, model):
        return scan, head.extraction
    return replace(head, brain_mask=widened(head)).scan(), f"{head.extraction}, widened by {WIDENED_MM:g} mm"


def is_narrower(scan: Scan, model: Model) -> bool:
    """Whether a brain, laid on the training brains, is smaller than all of them."""
    place = aligned_box(scan, model.frame, model.mean_brain)
    case = preparation.prepare(scan, model.frame, place)
    return float(case.brain_mask.sum()) * model.manifest.space.spacing_mm**3 / 1000 < model.manifest.space.brain_ml[0]


def widened(head: Head) -> BoolArray:
    """The brain mask and what lies no farther from it than WIDENED_MM."""
    from scipy import ndimage

    spacing_mm = np.linalg.norm(head.affine[:3, :3], axis=0)
    mask: BoolArray = ndimage.distance_transform_edt(~head.brain_mask, sampling=spacing_mm) <= WIDENED_MM + 1e-3
    return mask
