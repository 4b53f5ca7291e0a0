"""The recurrent member of the success forecast: an LSTM over what the lags say of longer and shorter spans.

The feature row already holds sums over the last 168, 24, 6, 3 and 1 hours. Their differences are a sequence of five
spans from old to new that get shorter, so the recurrent member reads the very columns that the others read, and no
second source of features can drift apart from the first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoreops.core.onnx_lstm import export_lstm
from scoreops.kol.success_features import METRICS, SUCCESS_FEATURES, TARGETS, WEEK

Array = NDArray[np.float64]

SPANS: Final = (WEEK, 24, 6, 3, 1, 0)
STEPS: Final = len(SPANS) - 1
HIDDEN: Final = 32
EPOCHS: Final = 4
MOST_ROWS: Final = 40_000
_BATCH: Final = 512
_STATIC: Final = ("log_followers", "hour_sin", "hour_cos", "weekday")
_SEASONAL: Final = tuple(f"{metric}_week_ago_{span}h" for span in (1, 24) for metric in METRICS)
WIDTH: Final = len(METRICS) + len(_STATIC) + len(_SEASONAL)
_PLACE: Final = {name: place for place, name in enumerate(SUCCESS_FEATURES.columns)}


def sequences(features: Array) -> NDArray[np.float32]:
    """(n, STEPS, WIDTH) of feature rows (n, d): hourly rates of each span, and what holds for the whole row.

    Counts are log1p; what is unknown is 0.
    """
    made = np.zeros((len(features), STEPS, WIDTH))
    for place, metric in enumerate(METRICS):
        sums = [features[:, _PLACE[f"{metric}_past_{span}h"]] for span in SPANS[:-1]] + [np.zeros(len(features))]
        for step in range(STEPS):
            rate = (sums[step] - sums[step + 1]) / (SPANS[step] - SPANS[step + 1])
            made[:, step, place] = np.log1p(np.maximum(rate, 0))
    static = features[:, [_PLACE[name] for name in _STATIC]]
    seasonal = np.log1p(np.maximum(features[:, [_PLACE[name] for name in _SEASONAL]], 0))
    made[:, :, len(METRICS) :] = np.concatenate([static, seasonal], axis=1)[:, None, :]
    return np.nan_to_num(made).astype(np.float32)


def train_lstm(features: Array, targets: Array, *, seed: int = 7) -> bytes:
    """Train on rows in order of time, the newest MOST_ROWS of them; ONNX from sequences to log1p of TARGETS.

    Needs torch. The same rows and seed give the same model.
    """
    import torch

    torch.manual_seed(seed)
    x = torch.from_numpy(sequences(features[-MOST_ROWS:]))
    y = torch.from_numpy(np.log1p(targets[-MOST_ROWS:]).astype(np.float32))
    mean, scale = x.mean(dim=(0, 1)), x.std(dim=(0, 1)).clamp(min=1e-3)
    lstm, head = torch.nn.LSTM(WIDTH, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, len(TARGETS))
    parameters = [*lstm.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=4e-3)
    inputs = (x - mean) / scale
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(_BATCH):
            optimiser.zero_grad()
            _, (state, _) = lstm(inputs[batch])
            torch.nn.functional.mse_loss(head(state[-1]), y[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        sample = inputs[:: max(1, len(inputs) // 500)]
        want = head(lstm(sample)[1][0][-1]).numpy()
    rows = x[:: max(1, len(inputs) // 500)].numpy()
    return export_lstm(_weights(lstm), _weights(head), (mean.numpy(), scale.numpy()), rows, want)


def _weights(module: Any) -> dict[str, NDArray[np.float32]]:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}
