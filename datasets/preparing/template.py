"""The ICBM152 template that raw heads are laid on: the one packaged with nilearn, nothing is downloaded."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.preparation import Frame, Scan, box_size_mm, extent, frame_shape, prepare
from datasets.preparing.registration import DETERMINANTS, MeanBrain, likeness, registered

NAME = "MNI152NLin2009aSym"  # as BIDS calls it
MARGIN_VOXELS = 4  # around the template's brain that registration looks at, so that a brain's edges count
LEAST_LIKENESS = 0.4  # below this correlation a brain does not lie on the template, whatever registration says


@dataclass(frozen=True)
class Template:
    """A brain that others are laid on.

    image: (X, Y, Z) float32 in [0, 1], background 0; brain_mask: (X, Y, Z) bool; affine: (4, 4) voxel -> mm RAS+, of
    2 mm voxels.
    """

    name: str
    image: FloatArray
    brain_mask: BoolArray
    affine: Affine

    @property
    def mean(self) -> MeanBrain:
        """As registration takes it: with a margin around the brain, where others have none."""
        from scipy import ndimage

        return MeanBrain(self.image, ndimage.binary_dilation(self.brain_mask, iterations=MARGIN_VOXELS))


@cache  # about 2 s
def icbm152() -> Template:
    """ICBM 2009a nonlinear symmetric, T1w, 99 x 117 x 95 voxels of 2 mm."""
    from nilearn import datasets as nilearn_datasets

    template = nilearn_datasets.load_mni152_template(resolution=2)
    brain_mask = np.asarray(nilearn_datasets.load_mni152_brain_mask(resolution=2).get_fdata()) > 0.5
    image = np.where(brain_mask, template.get_fdata(dtype=np.float32), np.float32(0))
    return Template(NAME, image, brain_mask, np.array(template.affine, dtype=np.float64))


def template_to_scan(scan: Scan, template: Template) -> tuple[Affine, float]:
    """The affine (4, 4), mm of the template -> mm of the scan, that lays a brain on the template; and its likeness:
    the correlation with the template in and around its brain.

    BenchError when registration breaks off, or gives what is not to be believed.
    """
    first = Scan(scan.id, scan.images[:1], scan.brain_mask, None, scan.affine, scan.channels[:1])
    own = extent(scan.brain_mask, scan.affine)
    size_mm = box_size_mm(np.array(own.first), np.array(own.last), scan.affine)
    moving = prepare(first, Frame(frame_shape(size_mm), None))
    mean = template.mean
    transform = registered(mean, moving)
    if transform is not None and DETERMINANTS[0] <= np.linalg.det(transform[:3, :3]) <= DETERMINANTS[1]:
        box = moving.affine @ transform
        alike = likeness(moving, box, mean)
        if alike >= LEAST_LIKENESS:
            return box @ np.linalg.inv(template.affine), alike
    raise BenchError(
        f"{scan.id} cannot be laid on the template {template.name}; look at its brain mask, and whether its header "
        "says rightly which way is up."
    )
