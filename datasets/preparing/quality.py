"""What is measured of every prepared head, and which are outliers."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from datasets.preparing.heads import PreparedHead

FEWEST = 8  # subjects among whom one may stand out
OUTLYING = 4.0  # times the median absolute deviation, as a standard deviation
USUAL_BRAIN_ML = (900.0, 2000.0)  # from 2 years on
USUAL_LIKENESS = 0.7  # IXI's adults have 0.82 to 0.88, with the bias field 0.03 less
SD_PER_MAD = 1.4826  # of a normal distribution


class Quality(BaseModel):
    """How a head came out.

    brain_ml: its brain's volume. growth: by what factor that volume grew on the template.
    likeness: correlation with the template, in and around the template's brain. inside: share of the brain that lies on
    the template's grid.
    """

    brain_ml: float
    growth: float
    likeness: float
    inside: float


LABELS = {"brain_ml": "brain volume", "growth": "growth onto the template", "likeness": "likeness to the template"}
UNITS = {"brain_ml": " ml", "growth": " x", "likeness": ""}


def quality_of(prepared: PreparedHead) -> Quality:
    """The measures of one head."""
    growth = 1 / abs(float(np.linalg.det(np.array(prepared.transforms.template_to_first)[:3, :3])))
    voxel_ml = abs(float(np.linalg.det(prepared.scan.affine[:3, :3]))) / 1000
    on_grid_ml = float(prepared.scan.brain_mask.sum()) * voxel_ml
    brain_ml = prepared.head.brain_ml
    return Quality(
        brain_ml=round(brain_ml, 1),
        growth=round(growth, 3),
        likeness=round(prepared.likeness, 3),
        inside=round(min(1.0, on_grid_ml / (brain_ml * growth)), 3),
    )


def outliers(measured: Sequence[Quality]) -> list[list[str]]:
    """Why each subject is to be looked at, in words; nothing for most.

    A brain of an unusual volume, one that is little like the template or cut by its grid; and, among eight or more
    subjects, one that lies four robust standard deviations from their median.
    """
    reasons: list[list[str]] = [[] for _ in measured]
    low, high = USUAL_BRAIN_ML
    for why, one in zip(reasons, measured, strict=True):
        if not low <= one.brain_ml <= high:
            why.append(f"brain volume {one.brain_ml:.0f} ml, usual are {low:.0f} to {high:.0f}")
        if one.likeness < USUAL_LIKENESS:
            why.append(f"likeness to the template {one.likeness:.2f}, usual are {USUAL_LIKENESS} and more")
        if one.inside < 0.97:
            why.append(f"only {100 * one.inside:.0f} % of the brain on the template's grid")
    if len(measured) < FEWEST:
        return reasons
    for name, label in LABELS.items():
        values = np.array([getattr(one, name) for one in measured])
        middle = float(np.median(values))
        spread = SD_PER_MAD * float(np.median(np.abs(values - middle)))
        for why, value in zip(reasons, values, strict=True):
            if abs(value - middle) > OUTLYING * spread > 0 and not any(text.startswith(label) for text in why):
                why.append(f"{label} {value:.4g}{UNITS[name]}, the median is {middle:.4g}{UNITS[name]}")
    return reasons
