"""A whole head: its brain is found by deepbet, laid on the training brains, its mask drawn as wide as theirs."""

from dataclasses import dataclass, replace

import numpy as np

from bench.models.model import Model
from datasets.case import Affine, BoolArray
from datasets.preparing import preparation
from datasets.preparing.brain import is_extracted
from datasets.preparing.heads import Head, HeadSettings, read_head
from datasets.preparing.preparation import SPACING_MM, Scan
from datasets.preparing.registration import RIM_VOXELS
from datasets.preparing.template import Template, template_to_scan
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.reading import read_image

WIDENED_MM = 2.0  # docs/predict.md has the figures that this was chosen by


@dataclass(frozen=True)
class FoundHead:
    """A whole head as a scan with a brain mask, on the grid of its first channel.

    place: (4, 4), voxel of the model's box -> mm of the scan. brain_from: where the mask comes from, in words.
    """

    scan: Scan
    place: Affine
    brain_from: str


def is_whole_head(files: SubjectFiles, channel: str) -> bool:
    """Whether a scan has neither a brain mask nor a background that was removed. BenchError when it cannot be read."""
    return files.brain_mask is None and not is_extracted(*read_image(files.images[channel]))


def found_head(files: SubjectFiles, model: Model, device: str) -> FoundHead:
    """The brain in a head, and its place; other channels are registered to the first one.

    deepbet's masks end where the brain does. Where those that the model learned from include the fluid around it,
    the mask is widened. Bias fields are left: what a model expects of intensities is what its scans had.

    BenchError, in a sentence, when no brain is found, or it cannot be laid on the training brains.
    """
    images = {channel: files.images[channel] for channel in model.manifest.channels}
    head = read_head(replace(files, images=images), HeadSettings(bias_correction=False), device)
    scan = head.scan()
    template = training_brain(model)
    place = template_to_scan(scan, template)[0] @ template.affine
    brain = preparation.prepare(scan, model.frame, place).brain_mask
    if brain.sum() * SPACING_MM**3 / 1000 >= model.manifest.space.brain_ml[0]:
        return FoundHead(scan, place, head.extraction)
    scan = replace(head, brain_mask=widened(head)).scan()
    return FoundHead(scan, place, f"{head.extraction}, widened by {WIDENED_MM:g} mm")


def training_brain(model: Model) -> Template:
    """The mean of the training brains as heads are laid on it: all of it, and not its core alone as with brains whose
    masks are drawn anyhow."""
    from scipy import ndimage

    mean, place = model.mean_brain, model.frame.affine
    brain = ndimage.binary_dilation(mean.inside, iterations=RIM_VOXELS)
    affine = np.diag([SPACING_MM] * 3 + [1.0]) if place is None else place
    return Template(f"of the model {model.manifest.name}", mean.image, brain, affine)


def widened(head: Head) -> BoolArray:
    """The brain mask and what lies no farther from it than WIDENED_MM."""
    from scipy import ndimage

    spacing_mm = np.linalg.norm(head.affine[:3, :3], axis=0)
    mask: BoolArray = ndimage.distance_transform_edt(~head.brain_mask, sampling=spacing_mm) <= WIDENED_MM + 1e-3
    return mask
