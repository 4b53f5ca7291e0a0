"""Maps from a raw score to a probability, fitted on out-of-fold scores only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_EPSILON: Final = 1e-6


def logit(p: Array) -> Array:
    """log(p / (1 - p)), with p kept 1e-6 away from 0 and 1."""
    q = _within(p, _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(q / (1 - q)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-_within(x, -40, 40))))


def _within(x: Array, low: float, high: float) -> Array:
    """np.clip for the few values of one request, where most of its time is its own overhead."""
    return np.minimum(np.maximum(x, low), high)


def weigh(x: Array, weights: ArrayLike) -> Array:
    """Products x @ weights, each row summed by itself: alone it gives the bits of a batch, which BLAS does not."""
    return np.asarray((x * np.asarray(weights)).sum(axis=-1))


@dataclass(frozen=True)
class Linear:
    """A logistic model: sigmoid(bias + x @ weights)."""

    weights: tuple[float, ...]
    bias: float

    @cached_property
    def row(self) -> Array:
        """The weights (k,) as an array: thousands of them take longer to convert than to use."""
        return np.array(self.weights)

    def logit(self, x: Array) -> Array:
        """Log-odds (n,) of rows (n, k)."""
        return weigh(x, self.row) + self.bias

    def __call__(self, x: Array) -> Array:
        """Probabilities (n,) of rows (n, k)."""
        return sigmoid(self.logit(x))


def fit_logistic(x: Array, y: Array, *, l2: float = 1.0, nonnegative: bool = False) -> Linear:
    """Logistic regression of labels y in {0, 1} on rows x (n, k) by penalised likelihood; the bias is not penalised.

    With `nonnegative` no weight is below 0, which keeps a stacker from turning a member against itself.
    """
    from scipy.optimize import minimize

    k = x.shape[1]

    def loss(theta: Array) -> tuple[float, Array]:
        z = x @ theta[:k] + theta[k]
        p = sigmoid(z)
        value = np.sum(np.logaddexp(0, z) - y * z) + 0.5 * l2 * np.sum(theta[:k] ** 2)
        gradient = np.append(x.T @ (p - y) + l2 * theta[:k], np.sum(p - y))
        return float(value), gradient

    bounds = [(0.0 if nonnegative else None, None)] * k + [(None, None)]
    found = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return Linear(tuple(float(w) for w in found.x[:k]), float(found.x[k]))


def fit_platt(p: Array, y: Array) -> Linear:
    """Platt scaling on the logit of p, with the smoothed targets of Platt (1999): two numbers, so few rows suffice."""
    n1, n0 = float(y.sum()), float(len(y) - y.sum())
    target = np.where(y > 0.5, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    return fit_logistic(logit(p)[:, None], target, l2=1e-3, nonnegative=True)
