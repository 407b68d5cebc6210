"""Random: seeded noise. Its row is what a method without any knowledge reaches under the protocol."""

import numpy as np

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from bench.seeds import numpy_generator


class Random(Detector):
    """Uniform noise on [0, 1), drawn anew for each case from the run's seed and the case's id.

    Idea: metrics and thresholds reward a map for some things that need no knowledge at all; this row shows
    how much. Source: none, it is the floor of every comparison.
    """

    info = MethodInfo(name="random", title="Random", reference="none", baseline=True)

    def fit(self, context: FitContext) -> None:
        """Nothing to learn; the seed is kept."""
        self.seed = context.seed

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32 in [0, 1)."""
        return numpy_generator(self.seed, "random", case.id).random(case.brain_mask.shape, dtype=np.float32)
