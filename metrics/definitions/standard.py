"""The metrics of every run, in the order of result files."""

from collections.abc import Callable

from metrics.metric import Direction, Metric
from metrics.pair import Pair
from metrics.surface import SurfaceDistances
from metrics.voxelwise import dice

SURFACE_DICE_TOLERANCE_MM = 2.0

Value = Callable[[Pair], float | None]


def _distance(name: str, title: str, unit: str, description: str, value: Value, headline: bool = False) -> Metric:
    return Metric(name, title, unit, "lower", "brain diagonal", None, description, value, headline)


def _share(name: str, title: str, description: str, value: Value, headline: bool = False) -> Metric:
    return Metric(name, title, "", "higher", 0.0, None, description, value, headline)


def _ranking(name: str, title: str, description: str, value: Value) -> Metric:
    return Metric(name, title, "", "higher", "independent", None, description, value)


def _count(name: str, title: str, direction: Direction | None, description: str, value: Value) -> Metric:
    return Metric(name, title, "components", direction, "counted", "counted", description, value)


def _hd99(distances: SurfaceDistances, pair: Pair) -> float:
    directed = pair.protocol.distance_direction == "truth-to-prediction"
    return distances.directed_hausdorff(99) if directed else distances.pooled_hausdorff(99)


def _msd(distances: SurfaceDistances, pair: Pair) -> float:
    directed = pair.protocol.distance_direction == "truth-to-prediction"
    return distances.directed_mean() if directed else distances.symmetric_mean()


_HD99 = "99th percentile of the surface distances from ground truth to prediction"
_MSD = "mean of the surface distances from ground truth to prediction"

METRICS: tuple[Metric, ...] = (
    _distance("hd99_vox", "99-HD", "voxel", _HD99, lambda pair: _hd99(pair.distances_voxel, pair), headline=True),
    _distance("msd_vox", "MSD", "voxel", _MSD, lambda pair: _msd(pair.distances_voxel, pair), headline=True),
    _share(
        "tpr",
        "TPR",
        "components: TP / (TP + missed lesions)",
        lambda pair: pair.detection_rates.tpr,
        headline=True,
    ),
    _share(
        "ppv",
        "PPV",
        "components: TP / (TP + false components)",
        lambda pair: pair.detection_rates.ppv,
        headline=True,
    ),
    _distance("hd99_mm", "99-HD (mm)", "mm", _HD99, lambda pair: _hd99(pair.distances_mm, pair)),
    _distance("msd_mm", "MSD (mm)", "mm", _MSD, lambda pair: _msd(pair.distances_mm, pair)),
    _distance(
        "hd99_max_mm",
        "max 99-HD",
        "mm",
        "larger one of the 99th percentiles of both directions",
        lambda pair: pair.distances_mm.maximum_hausdorff(99),
    ),
    _distance(
        "hd95_max_mm",
        "max 95-HD",
        "mm",
        "larger one of the 95th percentiles of both directions",
        lambda pair: pair.distances_mm.maximum_hausdorff(95),
    ),
    _distance(
        "hd99_pooled_mm",
        "pooled 99-HD",
        "mm",
        "99th percentile of both directions' distances together",
        lambda pair: pair.distances_mm.pooled_hausdorff(99),
    ),
    _distance(
        "hd95_pooled_mm",
        "pooled 95-HD",
        "mm",
        "95th percentile of both directions' distances together",
        lambda pair: pair.distances_mm.pooled_hausdorff(95),
    ),
    _distance(
        "symmetric_msd_mm",
        "symmetric MSD",
        "mm",
        "mean of both directions' distances together",
        lambda pair: pair.distances_mm.symmetric_mean(),
    ),
    _share(
        "surface_dice_2mm",
        "surface Dice 2 mm",
        "share of both surfaces' voxels within 2 mm of the other surface",
        lambda pair: pair.distances_mm.surface_dice(SURFACE_DICE_TOLERANCE_MM),
    ),
    _share(
        "dice",
        "Dice",
        "twice the overlap over the sum of the sizes of prediction and ground truth",
        lambda pair: dice(pair.prediction, pair.truth),
    ),
    _share(
        "component_f1",
        "component F1",
        "harmonic mean of TPR and PPV",
        lambda pair: pair.detection_rates.f1,
    ),
    _ranking(
        "best_dice",
        "best Dice",
        "largest Dice of the bare map over all thresholds, inside the brain",
        lambda pair: pair.ranking.best_dice,
    ),
    _ranking(
        "average_precision",
        "AP",
        "area under precision over recall of brain voxels, by steps",
        lambda pair: pair.ranking.average_precision,
    ),
    _ranking(
        "auroc",
        "AUROC",
        "probability that a lesion voxel outranks another brain voxel",
        lambda pair: pair.ranking.auroc,
    ),
    _count(
        "predicted_components",
        "predicted components",
        None,
        "connected components of the prediction",
        lambda pair: float(pair.connected_components.predicted),
    ),
    _count(
        "false_components",
        "false components",
        "lower",
        "predicted components that touch no lesion",
        lambda pair: float(pair.connected_components.false),
    ),
    _count(
        "lesion_components",
        "lesions",
        None,
        "connected components of the ground truth",
        lambda pair: float(len(pair.connected_components.found)),
    ),
)
