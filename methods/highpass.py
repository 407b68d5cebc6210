"""Local high-pass energy: where fine detail is stronger than healthy brains have it at that place."""

import numpy as np

from bench.detector import Case, Detector, FitContext, FloatArray, MethodConfig, MethodInfo
from methods.parts.moments import FeatureMoments, MomentsConfig


class HighPassConfig(MethodConfig):
    """Settings of the high-pass energy."""

    moments: MomentsConfig = MomentsConfig(high_pass_mm=1.5, image_smoothing_mm=2.0)


class HighPass(Detector[HighPassConfig]):
    """Energy of the image minus its blur, averaged nearby, over its healthy mean; summed over channels.

    Idea: simulated lesions have sharp edges and noise of their own, so a filter that knows nothing of anatomy
    may find them. A board needs this row to tell finding lesions from finding the simulator's traces.
    Source: none in the literature; a local energy as in classical texture analysis (Laws 1980).
    """

    info = MethodInfo(name="highpass", title="Local high-pass energy", reference="Laws 1980", baseline=True)

    def fit(self, context: FitContext) -> None:
        """Mean energy at each voxel."""
        self.moments = context.fitted(FeatureMoments, self.config.moments)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, 1 a channel on average where the brain is healthy."""
        ratio = self.moments.feature(case) / np.maximum(self.moments.mean, 1e-6)
        scores: FloatArray = ratio.sum(axis=0, dtype=np.float32)
        return scores
