"""Metrics of medpy (GPL), by its own definitions: objects are face-connected, and matched one to one.

medpy calls the arrays of `obj_tpr` and `obj_fpr` result and reference, but counts the first one's objects for TPR and
the second one's for FPR. So the truth goes first: TPR is then a share of lesions, and FPR one of predicted objects.
"""

from metrics.metric import Metric
from metrics.pair import Pair


def _assd_mm(pair: Pair) -> float:
    from medpy.metric import binary

    return float(binary.assd(pair.prediction, pair.truth, pair.spacing_mm))


def _obj_tpr(pair: Pair) -> float:
    from medpy.metric import binary

    return float(binary.obj_tpr(pair.truth, pair.prediction))


def _obj_fpr(pair: Pair) -> float:
    from medpy.metric import binary

    return float(binary.obj_fpr(pair.truth, pair.prediction))


METRICS = (
    Metric(
        name="medpy_assd_mm",
        title="ASSD (medpy)",
        unit="mm",
        direction="lower",
        empty_prediction="brain diagonal",
        empty_truth=None,
        description="medpy's assd: mean of both directions' surface distances together",
        value=_assd_mm,
        library="medpy",
    ),
    Metric(
        name="medpy_obj_tpr",
        title="object TPR (medpy)",
        unit="",
        direction="higher",
        empty_prediction=0.0,
        empty_truth=None,
        description="medpy's obj_tpr: share of lesions with a predicted object of their own",
        value=_obj_tpr,
        library="medpy",
    ),
    Metric(
        name="medpy_obj_fpr",
        title="object FPR (medpy)",
        unit="",
        direction="lower",
        empty_prediction=1.0,
        empty_truth=None,
        description="medpy's obj_fpr: share of predicted objects without a lesion of their own",
        value=_obj_fpr,
        library="medpy",
    ),
)
