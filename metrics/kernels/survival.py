# mypy: allow-untyped-defs, allow-untyped-decorators
"""At which thresholds each voxel survives the removal of small and rim components: one union-find for all."""

import numpy as np

from metrics.kernels.compiled import compiled


@compiled
def survival(order, level, rim, steps, min_voxels):
    """The interval first <= k < last of thresholds at which each voxel survives; returns (first, last), int16.

    order: voxels above the lowest threshold, highest level first. level (N,): how many thresholds each exceeds.
    rim (N,): voxels that condemn their component. steps: to all neighbours of the connectivity.

    As the threshold falls, voxels are added and components only grow. So a voxel is kept from the moment its
    component has min_voxels, and lost for good once it touches the rim: each happens to a voxel once. The members
    of a component are chained in a ring, to be walked at those two moments; swapping two links joins two rings.
    """
    parent = np.full(level.size, -1, dtype=np.int32)
    ring = np.empty(level.size, dtype=np.int32)
    size = np.ones(level.size, dtype=np.int32)
    condemned = rim.copy()
    first = np.zeros(level.size, dtype=np.int16)
    last = np.zeros(level.size, dtype=np.int16)
    for voxel in order:
        now = level[voxel]
        parent[voxel] = voxel
        ring[voxel] = voxel
        if min_voxels <= 1:
            last[voxel] = now
        if rim[voxel]:
            first[voxel] = now
        for step in steps:
            if parent[voxel + step] < 0:
                continue
            a, b = root(parent, voxel), root(parent, voxel + step)
            if a == b:
                continue
            if size[a] < size[b]:
                a, b = b, a
            for part in (a, b):
                keep = size[part] < min_voxels and size[a] + size[b] >= min_voxels
                lose = not condemned[part] and (condemned[a] or condemned[b])
                if keep or lose:
                    _mark(ring, part, now, keep, lose, first, last)
            condemned[a] |= condemned[b]
            parent[b] = a
            size[a] += size[b]
            ring[a], ring[b] = ring[b], ring[a]
    return first, last


@compiled
def root(parent, voxel):
    """The representative of a voxel's component; halves the path on the way."""
    while parent[voxel] != voxel:
        parent[voxel] = parent[parent[voxel]]
        voxel = parent[voxel]
    return voxel


@compiled
def _mark(ring, start, now, keep, lose, first, last):
    """Note for all members of a component that they are kept, or lost, at the thresholds before `now`."""
    member = start
    while True:
        if keep:
            last[member] = now
        if lose:
            first[member] = now
        member = ring[member]
        if member == start:
            break
