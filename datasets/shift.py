"""Domain shift in known amounts: test images as another scanner might have given them, training images as they are.

Patients come from other scanners than the healthy cohort does. What that alone costs a method shows where lesions and
brains stay the same, and the image changes by one kind of difference, as much as is asked for.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, cast, get_args

import numpy as np
from pydantic_core import PydanticCustomError

from bench.blur import blurred_inside
from bench.errors import BenchError
from bench.seeds import numpy_generator
from datasets.cache import ChangedCases
from datasets.case import BoolArray, Case, FloatArray, depth_below_surface_mm
from datasets.dataset import Dataset
from datasets.fingerprint import fingerprint
from datasets.preparing.preparation import PERCENTILES

VERSION = 1  # part of fingerprints: raise it when shifted images change

Kind = Literal["contrast", "noise", "blur", "bias", "mask"]
FWHM_OF_SIGMA = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class Amount:
    """How much of a kind: the amount where none is given, the smallest and the largest, and what it is."""

    default: float
    smallest: float
    largest: float
    meaning: str


AMOUNTS: dict[Kind, Amount] = {
    "contrast": Amount(1.5, 0.2, 5, "exponent of intensities between 0 and 1"),
    "noise": Amount(0.1, 0.001, 2, "standard deviation of normal noise on the [-1, 1] scale"),
    "blur": Amount(3.0, 0.1, 20, "full width at half maximum of a Gaussian, in mm"),
    "bias": Amount(0.3, 0.01, 2, "logarithm of the factor at one end of the brain; at the other end its negative"),
    "mask": Amount(4.0, 0.1, 20, "mm that the brain mask ends before the brain does, as of a tighter brain extraction"),
}


@dataclass(frozen=True)
class Shift:
    """A kind of difference and its amount, see `AMOUNTS`."""

    kind: Kind
    amount: float

    def __str__(self) -> str:
        return f"{self.kind}={self.amount:g}"


def parsed_shift(text: str) -> Shift:
    """The shift that `kind` or `kind=amount` names. A pydantic error, a ValueError, for any other text."""
    kind, _, amount = text.partition("=")
    if kind not in get_args(Kind):
        raise PydanticCustomError("shift", "it should be one of {kinds}", {"kinds": ", ".join(get_args(Kind))})
    of_kind = AMOUNTS[cast(Kind, kind)]
    try:
        found = float(amount) if "=" in text else of_kind.default
    except ValueError:
        found = float("nan")
    if not of_kind.smallest <= found <= of_kind.largest:
        between = f"between {of_kind.smallest:g} and {of_kind.largest:g} ({of_kind.meaning})"
        raise PydanticCustomError(
            "shift", "the amount of {kind} should lie {between}", {"kind": kind, "between": between}
        )
    return Shift(cast(Kind, kind), found)


def shift_text(text: str) -> str:
    """The same in one spelling, with its amount."""
    return str(parsed_shift(text))


def shifted_dataset(dataset: Dataset, shift: Shift, seed: int) -> Dataset:
    """The dataset with its test images shifted; what is learned from stays as it was, and so do thresholds."""
    return replace(
        dataset,
        test=ChangedCases(dataset.test, partial(shifted_case, shift=shift, seed=seed)),
        fingerprint=fingerprint([dataset.fingerprint, {"shift": str(shift), "version": VERSION, "seed": seed}]),
        description=dataset.description | {"shift": f"test images: {shift}, {AMOUNTS[shift.kind].meaning}"},
    )


def shifted_case(case: Case, shift: Shift, seed: int) -> Case:
    """The case with its image shifted inside the brain, and scaled as preparation does: background stays -1.

    What bright voxels have been stays what they are: the 99.9 percentile of each channel, in the whole array. Values
    stay in the range that the channel had, which enhanced lesions make wider than [-1, 1].

    The kind `mask` leaves the image inside its smaller mask as it was. BenchError when nothing of the brain is left.
    """
    if shift.kind == "mask":
        return tighter_case(case, shift.amount)
    rng = numpy_generator(seed, "shift", shift.kind, case.id)
    field = bias_field(case.brain_mask, shift.amount, rng) if shift.kind == "bias" else None
    image = case.image.copy()
    for channel in image:
        intensities = (channel + 1) / 2
        if shift.kind == "contrast":
            changed = np.sign(intensities) * np.abs(intensities) ** shift.amount
        elif shift.kind == "noise":
            changed = intensities + shift.amount / 2 * rng.standard_normal(channel.shape)
        elif shift.kind == "blur":
            sigma_voxels = shift.amount / FWHM_OF_SIGMA / np.array(case.spacing_mm)
            changed = blurred_inside(intensities, case.brain_mask.astype(np.float32), sigma_voxels)
        else:
            changed = intensities * field
        changed = np.where(case.brain_mask, changed, 0)
        bright, now = (np.percentile(values, PERCENTILES[1]) for values in (intensities, changed))
        scaled = np.clip(changed * bright / max(now, 1e-6), min(0, intensities.min()), max(1, intensities.max()))
        channel[case.brain_mask] = (2 * scaled - 1)[case.brain_mask]
    return replace(case, image=image)


def tighter_case(case: Case, depth_mm: float) -> Case:
    """The case with a mask, of brain and lesions, of the voxels deeper below the brain's surface than this."""
    mask = depth_below_surface_mm(case.brain_mask, case.spacing_mm) > depth_mm
    if not mask.any():
        raise BenchError(f"{case.id}: no brain is deeper than {depth_mm:g} mm; ask --shift mask for less.")
    lesions = None if case.lesion_mask is None else case.lesion_mask & mask
    image = np.where(mask, case.image, np.float32(-1))
    return replace(case, image=image, brain_mask=mask, lesion_mask=lesions)


def bias_field(brain_mask: BoolArray, amount: float, rng: np.random.Generator) -> FloatArray:
    """Factors from exp(-amount) at one end of the brain to exp(amount) at the other, half a sine between: (X, Y, Z).

    The direction is random.
    """
    direction = rng.standard_normal(3)
    axes = [np.arange(edge, dtype=np.float32) for edge in brain_mask.shape]
    along = sum(d * axis for d, axis in zip(direction, np.meshgrid(*axes, indexing="ij"), strict=True))
    low, high = along[brain_mask].min(), along[brain_mask].max()
    middle = (along - (low + high) / 2) / max(high - low, 1e-6)  # -0.5 to 0.5 in the brain
    return np.asarray(np.exp(amount * np.sin(np.pi * np.clip(middle, -0.5, 0.5))), dtype=np.float32)
