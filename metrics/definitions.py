"""What each metric is, as data: unit, direction, and its value when the prediction or the truth is empty."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher"]
EmptyPrediction = float | Literal["brain diagonal", "counted", "independent"]


@dataclass(frozen=True)
class Metric:
    """One number per case.

    direction: whether lower or higher is better; None for a count that only describes the case.
    empty_prediction: value when nothing is predicted but lesions exist, under protocols that score a miss by
        the worst case: a number, the diagonal of the brain's bounding box, a plain count, or "independent" of
        any prediction because the metric ranks voxels.
    empty_truth: value when the case has no lesion: None where undefined, else a plain count.
    headline: one of the four metrics of the paper's Table 1.
    """

    name: str
    title: str
    unit: str
    direction: Direction | None
    empty_prediction: EmptyPrediction
    empty_truth: Literal["counted"] | None
    description: str
    headline: bool = False


def _distance(name: str, title: str, unit: str, description: str, headline: bool = False) -> Metric:
    return Metric(name, title, unit, "lower", "brain diagonal", None, description, headline)


def _share(name: str, title: str, description: str, headline: bool = False) -> Metric:
    return Metric(name, title, "", "higher", 0.0, None, description, headline)


def _ranking(name: str, title: str, description: str) -> Metric:
    return Metric(name, title, "", "higher", "independent", None, description)


def _count(name: str, title: str, direction: Direction | None, description: str) -> Metric:
    return Metric(name, title, "components", direction, "counted", "counted", description)


_HD99 = "99th percentile of the surface distances from ground truth to prediction"
_MSD = "mean of the surface distances from ground truth to prediction"

METRICS: tuple[Metric, ...] = (
    _distance("hd99_vox", "99-HD", "voxel", _HD99, headline=True),
    _distance("msd_vox", "MSD", "voxel", _MSD, headline=True),
    _share("tpr", "TPR", "components: TP / (TP + missed lesions)", headline=True),
    _share("ppv", "PPV", "components: TP / (TP + false components)", headline=True),
    _distance("hd99_mm", "99-HD (mm)", "mm", _HD99),
    _distance("msd_mm", "MSD (mm)", "mm", _MSD),
    _distance("hd99_max_mm", "max 99-HD", "mm", "larger one of the 99th percentiles of both directions"),
    _distance("hd95_max_mm", "max 95-HD", "mm", "larger one of the 95th percentiles of both directions"),
    _distance("hd99_pooled_mm", "pooled 99-HD", "mm", "99th percentile of both directions' distances together"),
    _distance("hd95_pooled_mm", "pooled 95-HD", "mm", "95th percentile of both directions' distances together"),
    _distance("symmetric_msd_mm", "symmetric MSD", "mm", "mean of both directions' distances together"),
    _share(
        "surface_dice_2mm",
        "surface Dice 2 mm",
        "share of both surfaces' voxels within 2 mm of the other surface",
    ),
    _share("dice", "Dice", "twice the overlap over the sum of the sizes of prediction and ground truth"),
    _share("component_f1", "component F1", "harmonic mean of TPR and PPV"),
    _ranking("best_dice", "best Dice", "largest Dice of the bare map over all thresholds, inside the brain"),
    _ranking("average_precision", "AP", "area under precision over recall of brain voxels, by steps"),
    _ranking("auroc", "AUROC", "probability that a lesion voxel outranks another brain voxel"),
    _count("predicted_components", "predicted components", None, "connected components of the prediction"),
    _count("false_components", "false components", "lower", "predicted components that touch no lesion"),
    _count("lesion_components", "lesions", None, "connected components of the ground truth"),
)


def metric(name: str) -> Metric:
    """The metric of this name; raises ValueError naming those there are."""
    for candidate in METRICS:
        if candidate.name == name:
            return candidate
    raise ValueError(f'There is no metric "{name}": choose among {", ".join(m.name for m in METRICS)}.')
