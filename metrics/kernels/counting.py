# mypy: allow-untyped-defs, allow-untyped-decorators
"""Connected components of the predictions of all thresholds, and what they touch: a union-find for each."""

import numpy as np

from metrics.kernels.bits import ONE, ZERO
from metrics.kernels.compiled import compiled
from metrics.kernels.survival import root


@compiled
def count_components(rows, lesion, n_lesions, earlier_steps, predicted, touching, found):
    """Per threshold k, write the components of the prediction, those that touch a lesion, and the lesions touched.

    rows (N, words): bits as from metrics.kernels.surfaces.predictions. lesion (N,): label 1 .. n_lesions, or 0.
    earlier_steps: to those neighbours of a voxel that lie before it. predicted, touching, found (K,): results.
    """
    parent = np.empty(lesion.size, dtype=np.int32)
    touches = np.empty(lesion.size, dtype=np.bool_)
    last_hit = np.full(n_lesions + 1, -1, dtype=np.int64)
    for k in range(predicted.size):
        w, bit = k // 64, ONE << np.uint64(k % 64)
        components = touching_components = hits = 0
        for voxel in range(lesion.size):
            if rows[voxel, w] & bit == ZERO:
                continue
            label = lesion[voxel]
            parent[voxel], touches[voxel] = voxel, label > 0
            components += 1
            if label > 0:
                touching_components += 1
                if last_hit[label] != k:
                    last_hit[label] = k
                    hits += 1
            for step in earlier_steps:
                if rows[voxel + step, w] & bit == ZERO:
                    continue
                a, b = root(parent, voxel), root(parent, voxel + step)
                if a != b:
                    parent[b] = a
                    components -= 1
                    if touches[a] and touches[b]:
                        touching_components -= 1
                    touches[a] |= touches[b]
        predicted[k], touching[k], found[k] = components, touching_components, hits
