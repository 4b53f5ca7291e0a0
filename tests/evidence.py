"""Answers and labels as the two topics hold them, of two versions of which one is over-confident."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import numpy as np


def message(model="m", version="1", request="r", outputs=None, inputs=None, parameters=None, first=0, at_us=1):
    return {
        "request_id": request,
        "time_us": at_us,
        "model": model,
        "version": version,
        "parameters": parameters or {},
        "first_row": first,
        "outputs": outputs or {"score": [0.5]},
        "inputs": inputs or {},
    }


def label(request, value, model="m", at_us=None):
    at = datetime.fromtimestamp((at_us or time.time_ns() // 1000) / 1e6, UTC)
    return {"model": model, "request_id": request, "label": int(value), "label_time": at.isoformat()}


class World:
    """`n` requests that two versions answered: version 1 is fair, the log-odds of version 2 are too large."""

    def __init__(self, n, *, overconfidence=2.2, seed=7, at_us=None):
        rng = np.random.default_rng(seed)
        self.labels = rng.random(n) < 0.3
        logits = rng.normal(np.where(self.labels, 1.0, -1.0), 1.2) * 1.39 - 0.85
        self.scores = {"1": 1 / (1 + np.exp(-logits)), "2": 1 / (1 + np.exp(-overconfidence * logits))}
        self.at_us = at_us or time.time_ns() // 1000
        self.names = [f"q-{i}" for i in range(n)]

    def answers(self, version):
        """Messages of one version."""
        return [
            message(version=version, request=name, outputs={"score": [score]}, at_us=self.at_us + place)
            for place, (name, score) in enumerate(zip(self.names, self.scores[version].tolist(), strict=True))
        ]

    def told(self):
        """Messages of the labels."""
        return [
            label(name, value, at_us=self.at_us + 10_000_000)
            for name, value in zip(self.names, self.labels, strict=True)
        ]


def encoded(messages):
    return [json.dumps(one).encode() for one in messages]
