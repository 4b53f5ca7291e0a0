"""KServe's Python SDK server around one XGBoost model file, written as KServe's own xgbserver is.

Run as a script: --model_name NAME --model_file FILE, and the options of kserve.ModelServer. With --quiet it logs
nothing at all, which is its fastest way to run: each request costs it three log lines otherwise.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

import xgboost as xgb
from kserve import Model, ModelServer, model_server
from kserve.errors import InferenceError
from kserve.utils.utils import get_predict_input, get_predict_response


class XgboostModel(Model):
    """A booster behind KServe's interface."""

    def __init__(self, name: str, file: str) -> None:
        super().__init__(name)
        self._booster = xgb.Booster({"nthread": 1}, model_file=file)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None) -> Any:  # noqa: ARG002 - their signature
        """The answer to one request of either protocol version."""
        try:
            rows = xgb.DMatrix(get_predict_input(payload), nthread=1)
            return get_predict_response(payload, self._booster.predict(rows), self.name)
        except Exception as error:  # their server says 500 to this error, and so does theirs
            raise InferenceError(str(error)) from error


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_file", required=True)
    parser.add_argument("--quiet", action="store_true")
    given, _ = parser.parse_known_args()
    model = XgboostModel(given.model_name, given.model_file)
    if given.quiet:
        logging.disable(logging.CRITICAL)
    ModelServer(enable_latency_logging=not given.quiet).start([model])


if __name__ == "__main__":
    main()
