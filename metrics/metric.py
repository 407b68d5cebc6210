"""A metric: its function of a prediction and a ground truth, its unit and direction, and its values without either."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from metrics.pair import Pair

Direction = Literal["lower", "higher"]
EmptyPrediction = float | Literal["brain diagonal", "counted", "independent"]


@dataclass(frozen=True)
class Metric:
    """One number per case.

    Args:
        name: As in results and on the command line; letters, digits and underscores, its unit at the end if it has one.
        title: Heading in tables, such as "99-HD".
        unit: Such as "voxel", "mm" or "components"; "" for a share in 0..1.
        direction: Whether lower or higher is better; None for a count that only describes the case.
        empty_prediction: Value when nothing is predicted but lesions exist, under protocols that score a miss by the
            worst case: a number; the "brain diagonal" of the brain's bounding box, in a unit of voxel or mm; "counted"
            by `value` like any other; or "independent" of the prediction, because the metric ranks voxels.
        empty_truth: Value when the case has no lesion: None where undefined, else "counted" by `value`.
        description: What it measures, in a line.
        value: The number of a pair, None where it is undefined. Never called with an empty mask, unless the metric is
            "counted" (either may be empty) or "independent" (the prediction may be).
        headline: One of the four metrics of the paper's Table 1.
        library: Import name of an optional library that `value` imports.

    Raises:
        ValueError: For a brain diagonal in another unit than voxel and mm.

    Example:
        >>> volume_error = Metric(
        ...     name="volume_error_ml",
        ...     title="volume error",
        ...     unit="ml",
        ...     direction="lower",
        ...     empty_prediction="counted",
        ...     empty_truth="counted",
        ...     description="difference of predicted and true lesion volume",
        ...     value=lambda pair: abs(int(pair.prediction.sum()) - int(pair.truth.sum())) * pair.voxel_ml,
        ... )
    """

    name: str
    title: str
    unit: str
    direction: Direction | None
    empty_prediction: EmptyPrediction
    empty_truth: Literal["counted"] | None
    description: str
    value: Callable[[Pair], float | None]
    headline: bool = False
    library: str | None = None

    def __post_init__(self) -> None:
        if self.empty_prediction == "brain diagonal" and self.unit not in ("voxel", "mm"):
            raise ValueError(f'{self.name}: a "brain diagonal" is in voxel or mm, not in "{self.unit}".')

    def of(self, pair: Pair) -> float | None:
        """The metric's value for a pair; where a mask is empty, what the metric and the protocol say of that."""
        if pair.no_truth and self.empty_truth is None:
            return None
        if not pair.no_prediction or self.empty_prediction in ("counted", "independent"):
            return self.value(pair)
        if pair.protocol.missing_prediction == "drop-case":
            return None
        if self.empty_prediction == "brain diagonal":
            return pair.brain_diagonal_mm if self.unit == "mm" else pair.brain_diagonal_voxel
        return float(self.empty_prediction)
