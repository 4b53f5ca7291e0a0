"""Malformed lines of every kind, made from good ones."""

import json

import numpy as np

from scoreops.kol.world_malformed import MALFORMED


def malformed_lines(good, each):
    """(kind, line) pairs, `each` of every kind."""
    rng = np.random.default_rng(1)
    made = []
    for kind, spoil in MALFORMED.items():
        for _ in range(each):
            fields = json.loads(good[int(rng.integers(len(good)))])
            made.append((kind, spoil(fields, rng)))
    return made
