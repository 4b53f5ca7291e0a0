"""The recurrent member of the success forecast: an LSTM over what the lags say of longer and shorter spans.

The feature row already holds sums over the last 168, 24, 6, 3 and 1 hours. Their differences are a sequence of five
spans from old to new that get shorter, so the recurrent member reads the very columns that the others read, and no
second source of features can drift apart from the first.
"""

from __future__ import annotations

from dataclasses import dataclass
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
_place: Final = SUCCESS_FEATURES.columns.index
_SUMS: Final = np.array([[_place(f"{metric}_past_{span}h") for metric in METRICS] for span in SPANS[:-1]])
_HOURS: Final = -np.diff(SPANS)[:, None]
"""How long each span is without the shorter ones in it."""
_STATIC: Final = [_place(name) for name in ("log_followers", "hour_sin", "hour_cos", "weekday")]
_SEASONAL: Final = [_place(f"{metric}_week_ago_{span}h") for span in (1, 24) for metric in METRICS]
WIDTH: Final = len(METRICS) + len(_STATIC) + len(_SEASONAL)


def sequences(features: Array) -> NDArray[np.float32]:
    """(n, STEPS, WIDTH) of feature rows (n, d): hourly rates of each span, and what holds for the whole row.

    Counts are log1p; what is unknown is 0.
    """
    made = np.empty((len(features), STEPS, WIDTH))
    rates = features[:, _SUMS]
    rates[:, :-1] -= rates[:, 1:]
    rates /= _HOURS
    made[:, :, : len(METRICS)] = np.log1p(np.maximum(rates, 0))
    made[:, :, len(METRICS) : -len(_SEASONAL)] = features[:, None, _STATIC]
    made[:, :, -len(_SEASONAL) :] = np.log1p(np.maximum(features[:, None, _SEASONAL], 0))
    made[np.isnan(made)] = 0
    return made.astype(np.float32)


@dataclass(frozen=True)
class Recurrent:
    """What was trained, as torch knows it."""

    lstm: Any
    head: Any
    mean: Any
    scale: Any

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 6) log1p of TARGETS for `sequences`."""
        import torch

        with torch.no_grad():
            _, (state, _) = self.lstm((torch.from_numpy(rows) - self.mean) / self.scale)
            return np.asarray(self.head(state[-1]).numpy())


def train_lstm(features: Array, targets: Array, *, seed: int = 7) -> bytes:
    """Train on rows in order of time, the newest MOST_ROWS of them; ONNX from sequences to log1p of TARGETS.

    Needs torch. The same rows and seed give the same model.
    """
    made = fit_lstm(features, targets, seed=seed)
    newest = features[-MOST_ROWS:]
    sample = sequences(newest[:: max(1, len(newest) // 500)])
    scaling = (made.mean.numpy(), made.scale.numpy())
    return export_lstm(_weights(made.lstm), _weights(made.head), scaling, sample, made(sample))


def fit_lstm(features: Array, targets: Array, *, seed: int) -> Recurrent:
    """The network of `train_lstm` before it is exported."""
    import torch

    torch.manual_seed(seed)
    x = torch.from_numpy(sequences(features[-MOST_ROWS:]))
    y = torch.from_numpy(np.log1p(targets[-MOST_ROWS:]).astype(np.float32))
    mean, scale = x.mean(dim=(0, 1)), x.std(dim=(0, 1)).clamp(min=1e-3)
    lstm, head = torch.nn.LSTM(WIDTH, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, len(TARGETS))
    optimiser = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=4e-3)
    inputs = (x - mean) / scale
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(_BATCH):
            optimiser.zero_grad()
            _, (state, _) = lstm(inputs[batch])
            torch.nn.functional.mse_loss(head(state[-1]), y[batch]).backward()
            optimiser.step()
    return Recurrent(lstm, head, mean, scale)


def _weights(module: Any) -> dict[str, NDArray[np.float32]]:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}
