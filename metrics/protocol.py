"""A protocol: every decision between an anomaly map and its numbers, as frozen data with a hash.

Two runs are comparable only under the same protocol. docs/protocol.md explains each preset.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Literal

Strategy = Literal["oracle", "dataset-oracle", "healthy-fpr"]


@dataclass(frozen=True)
class EarlyStop:
    """End the search at a distance that exceeds the mean of the last `window` by `excess`, once more than `window`
    are kept."""

    window: int = 10
    excess: float = 1.0


@dataclass(frozen=True)
class Protocol:
    """Everything that turns an anomaly map into numbers. The defaults are the paper's protocol.

    Threshold: a voxel is predicted where the map exceeds the threshold, inside the brain.
        strategy: "oracle" picks one per case and "dataset-oracle" one for all cases, both by the lowest
            symmetric mean surface distance to the ground truth; "healthy-fpr" takes one for all cases from
            healthy maps.
        false_positive_rate: for "healthy-fpr", the share of healthy brain voxels above the threshold.
        window_quantiles, window_over: candidates run linearly between these two quantiles of the map, over
            the "brain" or over the whole "array" with the map's lowest brain value outside the brain.
        candidates: how many thresholds are tried.
        early_stop: when to end the search before the last candidate, or None.
        search_unit: whether the searched distance is in "voxel" or "mm" (differs on anisotropic grids only).
    Post-processing:
        removal_connectivity: 6, 18 or 26 neighbours, for the removal of components.
        search_min_voxels, min_voxels: smallest component kept, while searching and while scoring.
        rim_radius: drop components that touch the outer layer of the brain, this many voxels thick; 0 = keep.
        dilate: grow the prediction by its 6 neighbours.
        dilate_inside_brain: and clip it to the brain afterwards.
        postprocess_truth: remove small and rim components from the ground truth as well (never dilated).
    Measuring:
        distance_direction: what 99-HD and MSD measure, from ground truth to prediction or both ways pooled.
        component_connectivity: 6, 18 or 26 neighbours, for counting lesions.
        true_positives: count "predicted" components that touch a lesion, or "lesion" ones that are touched.
        missing_prediction: an empty prediction takes the "worst-case" value, or "drop-case" leaves it undefined.
    """

    name: str
    version: int = 1
    strategy: Strategy = "oracle"
    false_positive_rate: float | None = None
    window_quantiles: tuple[float, float] = (0.90, 0.9999)
    window_over: Literal["brain", "array"] = "brain"
    candidates: int = 100
    early_stop: EarlyStop | None = None
    search_unit: Literal["voxel", "mm"] = "mm"
    removal_connectivity: Literal[6, 18, 26] = 6
    search_min_voxels: int = 3
    min_voxels: int = 3
    rim_radius: int = 0
    dilate: bool = True
    dilate_inside_brain: bool = True
    postprocess_truth: bool = False
    distance_direction: Literal["truth-to-prediction", "both"] = "truth-to-prediction"
    component_connectivity: Literal[6, 18, 26] = 26
    true_positives: Literal["predicted", "lesion"] = "predicted"
    missing_prediction: Literal["worst-case", "drop-case"] = "worst-case"

    def __post_init__(self) -> None:
        low, high = self.window_quantiles
        if not 0 <= low <= high <= 1:
            raise ValueError(f"window_quantiles must rise within 0..1, not {self.window_quantiles}.")
        if self.candidates < 1:
            raise ValueError(f"candidates must be at least 1, not {self.candidates}.")
        if (self.strategy == "healthy-fpr") != (self.false_positive_rate is not None):
            raise ValueError('false_positive_rate belongs to the strategy "healthy-fpr", which needs it.')
        if self.false_positive_rate is not None and not 0 <= self.false_positive_rate <= 1:
            raise ValueError(f"false_positive_rate must lie within 0..1, not {self.false_positive_rate}.")
        if self.early_stop is not None and self.early_stop.window < 1:
            raise ValueError(f"early_stop.window must be at least 1, not {self.early_stop.window}.")

    @property
    def oracle(self) -> bool:
        """Whether the threshold saw the ground truth: its numbers are then an upper bound."""
        return self.strategy != "healthy-fpr"

    @property
    def per_case(self) -> bool:
        """Whether each case gets a threshold of its own (`evaluate_case` finds it); otherwise all share one."""
        return self.strategy == "oracle"

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change whenever a field does."""
        fields = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


_PAPER = Protocol("paper")
_AUTHORS_CODE = Protocol(
    "authors-code",
    version=2,
    window_over="array",
    early_stop=EarlyStop(),
    search_unit="voxel",
    removal_connectivity=18,
    search_min_voxels=2,
    rim_radius=2,
    dilate_inside_brain=False,
    postprocess_truth=True,
    true_positives="lesion",
    missing_prediction="drop-case",
)
PROTOCOLS: tuple[Protocol, ...] = (
    _PAPER,
    _AUTHORS_CODE,
    replace(_PAPER, name="paper-fpr5", strategy="healthy-fpr", false_positive_rate=0.05),
    replace(_PAPER, name="paper-fpr10", strategy="healthy-fpr", false_positive_rate=0.10),
    replace(_PAPER, name="paper-dataset-oracle", strategy="dataset-oracle"),
)


def protocol(name: str) -> Protocol:
    """The preset of this name; raises ValueError that names the nearest preset."""
    presets = {preset.name: preset for preset in PROTOCOLS}
    if name in presets:
        return presets[name]
    nearest = get_close_matches(name, presets, n=1, cutoff=0)[0]
    raise ValueError(f'There is no protocol "{name}": did you mean "{nearest}" (of {", ".join(presets)})?')
