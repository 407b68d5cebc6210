"""Voxel-wise z-score: how far each voxel's intensity lies from the healthy mean at its place."""

from typing import Literal

import numpy as np
from pydantic import Field

from bench.detector import Case, Detector, FitContext, FloatArray, MethodConfig, MethodInfo
from methods.parts.moments import FeatureMoments, MomentsConfig


class ZScoreConfig(MethodConfig):
    """Settings of the z-score."""

    moments: MomentsConfig = MomentsConfig()
    channels: Literal["norm", "max"] = Field(
        "max", description="how channels are joined: root of the sum of squares, or the largest (ours)"
    )


class ZScore(Detector[ZScoreConfig]):
    """|x - mean| / sd at every voxel, the moments taken over the training cases and smoothed.

    Idea: without any model of shape or texture, a voxel is as suspicious as its intensity is unusual there.
    Source: the voxel-wise normative comparison that most papers on unsupervised anomaly localization start
    from; e.g. Meissen et al. 2022, "Challenging current semi-supervised anomaly segmentation methods for
    brain MRI" (doi:10.1007/978-3-031-08999-2_5), which shows how far plain intensities carry.
    """

    info = MethodInfo(
        name="zscore",
        title="Voxel-wise z-score",
        reference="doi:10.1007/978-3-031-08999-2_5",
        baseline=True,
    )

    def fit(self, context: FitContext) -> None:
        """Mean and sd of the intensity at each voxel."""
        self.moments = context.fitted(FeatureMoments, self.config.moments)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, in standard deviations."""
        z = np.abs(self.moments.feature(case) - self.moments.mean) / self.moments.sd
        joined = z.max(axis=0) if self.config.channels == "max" else np.linalg.norm(z, axis=0)
        scores: FloatArray = joined.astype(np.float32)
        return scores
