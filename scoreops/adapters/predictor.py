"""A client of the Open Inference Protocol v2 over REST: typed arrays in, typed arrays out, errors of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from scoreops.core.errors import BadInput, NotFound, NotReady, Refused, ScoreOpsError

_ERRORS: Final[Mapping[int, type[ScoreOpsError]]] = {
    400: BadInput,
    401: Refused,
    403: Refused,
    404: NotFound,
    409: Refused,
    413: BadInput,
    429: NotReady,
    503: NotReady,
    504: NotReady,
}
_DTYPES: Final[Mapping[str, Any]] = {"BOOL": np.bool_, "FP32": np.float32, "FP64": np.float64, "BYTES": np.object_}


class Prediction(NamedTuple):
    """The answer of one version: outputs by name, the version that gave them and the alias it goes by."""

    outputs: Mapping[str, NDArray[Any]]
    version: str
    alias: str


class PredictorClient:
    """One prediction server. Keeps its connections; safe to share between threads."""

    def __init__(self, url: str, *, timeout_s: float = 30.0, api_key: str = "") -> None:
        headers = {"content-type": "application/json"} | ({"x-api-key": api_key} if api_key else {})
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=timeout_s, headers=headers)

    def infer(
        self,
        model: str,
        features: NDArray[np.float64],
        columns: Sequence[str],
        *,
        texts: Mapping[str, Sequence[str]] | None = None,
        outputs: Sequence[str] = (),
        parameters: Mapping[str, str | int | float | bool] | None = None,
        version: str = "",
        request_id: str = "",
    ) -> Prediction:
        """Scores of `features` (n, d), whose columns are `columns` in this order; NaN is missing.

        `texts` are further inputs by name, one string a row. `outputs` chooses some, none means all. `version` is a
        version or an alias, "" the champion. Raises BadInput, NotFound, NotReady (also when nobody answers).
        """
        inputs: list[dict[str, object]] = [
            {
                "name": "features",
                "datatype": "FP64",
                "shape": features.shape,
                "parameters": {"columns": ",".join(columns)},
                "data": features.ravel().tolist(),
            }
        ]
        for name, values in (texts or {}).items():
            inputs.append({"name": name, "datatype": "BYTES", "shape": [len(values)], "data": list(values)})
        body: dict[str, object] = {"inputs": inputs, "outputs": [{"name": name} for name in outputs]}
        body |= {"parameters": dict(parameters)} if parameters else {}
        body |= {"id": request_id} if request_id else {}
        answer = self._send("POST", f"{_path(model, version)}/infer", msgspec.json.encode(body))
        made = {item["name"]: _array(item) for item in answer["outputs"]}
        return Prediction(made, answer["model_version"], answer.get("parameters", {}).get("alias", ""))

    def golden(
        self, model: str, version: str, inputs: Sequence[Mapping[str, object]], outputs: Sequence[str]
    ) -> Mapping[str, NDArray[Any]]:
        """Outputs by name of tensors as the protocol writes them; the server counts the request as no traffic.

        Raises BadInput, NotFound, NotReady.
        """
        body = {"inputs": list(inputs), "outputs": [{"name": name} for name in outputs]}
        path, said = f"{_path(model, version)}/infer", {"x-scoreops-copy": "golden"}
        answer = self._send("POST", path, msgspec.json.encode(body), said)
        return {item["name"]: _array(item) for item in answer["outputs"]}

    def metadata(self, model: str, version: str = "") -> dict[str, Any]:
        """Inputs, outputs, versions and properties of a model."""
        found: dict[str, Any] = self._send("GET", _path(model, version))
        return found

    def champion(self, model: str) -> str:
        """The version that answers where none is named. Raises NotReady while there is none."""
        version: str = self.metadata(model)["properties"]["model_version"]
        return version

    def ready(self, model: str = "") -> bool:
        """Whether the server, or one model, is ready; False also when nobody answers."""
        try:
            self._send("GET", f"{_path(model, '')}/ready" if model else "/v2/health/ready")
        except (NotReady, NotFound):
            return False
        return True

    def load(self, model: str) -> str:
        """Ask the server to look at the aliases now; the champion that answers from then on. Needs the API key.

        Raises NotReady when nobody answers, Refused when the server does not allow it or the bundle is bad.
        """
        version: str = self._send("POST", f"/v2/repository/models/{quote(model, safe='')}/load", b"{}")["version"]
        return version

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _send(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        try:
            response = self._http.request(method, path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotReady(f"no prediction server answers at {self._url}: {error}") from error
        if response.status_code != 200:
            raise _ERRORS.get(response.status_code, ScoreOpsError)(_reason(response))
        return msgspec.json.decode(response.content)


def _path(model: str, version: str) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _array(item: Mapping[str, Any]) -> NDArray[Any]:
    return np.array(item["data"], dtype=_DTYPES.get(item["datatype"], np.int64)).reshape(item["shape"])


def _reason(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["error"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return f"HTTP {response.status_code}: {response.text[:200]}"
