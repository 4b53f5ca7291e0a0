"""Requests that are sent to every server, and what of the answers is compared.

They are the examples of KServe's and MLServer's documentation on our model, and the mistakes that clients make.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx

from bench.rivals import booster
from bench.rivals.servers import MODEL

V2 = f"/v2/models/{MODEL}"
V1 = f"/v1/models/{MODEL}"
ROWS = booster.rows(3)
JSON = {"Content-Type": "application/json"}
DIGITS = 6
ID = "q-1"


def shown(found: Any) -> str:
    """What is compared, as one line of text."""
    return json.dumps(found, ensure_ascii=False)


def parsed(answer: httpx.Response) -> Any:
    """The JSON of an answer, or a word for what it has instead."""
    if not answer.content:
        return "nothing"
    try:
        return answer.json()
    except ValueError:
        return "text"


def whole(answer: httpx.Response) -> Any:
    """All of the body; of an error only its form, since each server has its own words."""
    body = parsed(answer)
    if answer.status_code < 400 or not isinstance(body, dict):
        return body
    return dict.fromkeys(body, "...")


def names(answer: httpx.Response) -> Any:
    """Which fields there are, those that are null or empty left out."""
    if not ok(answer):
        return whole(answer)
    return sorted(name for name, value in parsed(answer).items() if value not in (None, [], {}, ""))


def ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and isinstance(parsed(answer), dict)


def values(answer: httpx.Response) -> Any:
    """Datatype and values of the first output."""
    if not ok(answer):
        return whole(answer)
    first = parsed(answer)["outputs"][0]
    return [first["datatype"], [round(value, DIGITS) for value in first["data"]]]


def heads(answer: httpx.Response) -> Any:
    """Names and shapes of the outputs."""
    if not ok(answer):
        return whole(answer)
    return [[one["name"], one["shape"]] for one in parsed(answer)["outputs"]]


def field(name: str) -> Callable[[httpx.Response], Any]:
    """One field of the body; an id that the server made is "made"."""

    def look(answer: httpx.Response) -> Any:
        if not ok(answer):
            return whole(answer)
        found = parsed(answer).get(name)
        return "made" if name == "id" and found and found != ID else found

    return look


def predictions(answer: httpx.Response) -> Any:
    """The predictions of the first protocol."""
    if not ok(answer):
        return whole(answer)
    return [round(value, DIGITS) for value in parsed(answer)["predictions"]]


class Case(NamedTuple):
    """A request, and what of its answer is compared beside the status."""

    method: str
    path: str
    look: Callable[[httpx.Response], Any]
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def ask(self, client: httpx.Client) -> str:
        """Status and what is compared, as one line of text."""
        answer = client.request(self.method, self.path, content=self.body, headers=self.headers)
        return f"{answer.status_code} {shown(self.look(answer))}"


def tensor(
    given: Any = ROWS, *, name: str = "features", datatype: str = booster.DATATYPE, **changed: Any
) -> dict[str, Any]:
    made = {"name": name, "shape": list(given.shape), "datatype": datatype, "data": given.ravel().tolist()}
    return made | changed


def infer(*inputs: dict[str, Any], look: Any = values, path: str = f"{V2}/infer", **more: Any) -> Case:
    """A question with one tensor of features, or with `inputs`."""
    body = {"inputs": list(inputs) or [tensor()]} | more
    return Case("POST", path, look, json.dumps(body).encode(), JSON)


def post(path: str, body: bytes, look: Any = whole, headers: Mapping[str, str] = JSON) -> Case:
    return Case("POST", path, look, body, headers)


def get(path: str, look: Any = whole) -> Case:
    return Case("GET", path, look)


def predict(body: Any, path: str = f"{V1}:predict") -> Case:
    return post(path, json.dumps(body).encode(), predictions)


GOOD = json.dumps({"inputs": [tensor()]}).encode()
LAST = f", {ROWS.ravel().tolist()[-1]}]".encode()
TOO_LARGE = GOOD.replace(b'"data": [', b'"data": [1e999, ', 1).replace(LAST, b"]", 1)
OBJECTS = [dict(zip(booster.COLUMNS, row, strict=True)) for row in ROWS.tolist()]
CASES: Mapping[str, Case] = {
    "the server is alive": get("/v2/health/live"),
    "the server is ready": get("/v2/health/ready"),
    "metadata of the server": get("/v2", names),
    "names of the models": get("/v2/models"),
    "the model is ready": get(f"{V2}/ready"),
    "a version is ready": get(f"{V2}/versions/1/ready"),
    "an unknown model is ready": get("/v2/models/other/ready"),
    "metadata of the model": get(V2, names),
    "metadata of a version": get(f"{V2}/versions/1", names),
    "metadata of an unknown model": get("/v2/models/other"),
    "index of the repository": post("/v2/repository/index", b"{}"),
    "load of an unknown model": post("/v2/repository/models/other/load", b""),
    "rows, flat": infer(),
    "rows, nested": infer(tensor(data=ROWS.tolist())),
    "one row": infer(tensor(ROWS[:1])),
    "rows as FP64": infer(tensor(datatype="FP64")),
    "whole numbers as INT64": infer(tensor(ROWS.round().astype(int), datatype="INT64")),
    "a null among the values": infer(tensor(data=[None, *ROWS.ravel().tolist()[1:]])),
    "the input has another name": infer(tensor(name="input-0")),
    "an input too many": infer(tensor(), tensor(name="extra")),
    "a version": infer(path=f"{V2}/versions/1/infer"),
    "a gzip body": post(f"{V2}/infer", gzip.compress(GOOD), values, JSON | {"Content-Encoding": "gzip"}),
    "JSON sent as text/plain": post(f"{V2}/infer", GOOD, values, {"Content-Type": "text/plain"}),
    "names and shapes of the outputs": infer(look=heads),
    "an output by name": infer(look=heads, outputs=[{"name": "predict"}]),
    "an unknown output by name": infer(look=heads, outputs=[{"name": "beauty"}]),
    "name of the model": infer(look=field("model_name")),
    "version of the model": infer(look=field("model_version")),
    "an id": infer(look=field("id"), id=ID),
    "no id": infer(look=field("id")),
    "parameters": infer(look=field("parameters"), parameters={"as_of": "2026-03-01T10:00:00Z", "other": 1}),
    "an unknown model": infer(path="/v2/models/other/infer"),
    "an unknown version": infer(path=f"{V2}/versions/9/infer"),
    "malformed JSON": post(f"{V2}/infer", GOOD[:-1]),
    "an empty body": post(f"{V2}/infer", b""),
    "an array as body": post(f"{V2}/infer", b"[1]"),
    "no inputs": post(f"{V2}/infer", b"{}"),
    "an empty list of inputs": post(f"{V2}/infer", b'{"inputs": []}'),
    "no datatype": infer({"name": "features", "shape": [1, 1], "data": [1]}),
    "an unknown datatype": infer(tensor(datatype="FLOAT")),
    "texts where numbers belong": infer(tensor(data=["x"] * ROWS.size)),
    "texts declared as BYTES": infer(tensor(datatype="BYTES", data=["x"] * ROWS.size)),
    "a column too few": infer(tensor(ROWS[:, 1:])),
    "a column too many": infer(tensor(booster.rows(3).repeat(2, axis=1)[:, :30])),
    "fewer values than the shape says": infer(tensor(data=ROWS.ravel().tolist()[1:])),
    "a negative size": infer(tensor(shape=[-1, 29])),
    "no rows": infer(tensor(ROWS[:0])),
    "a number too large": post(f"{V2}/infer", TOO_LARGE, values),
    "GET where POST belongs": get(f"{V2}/infer"),
    "an unknown path": get("/v2/nothing"),
    "metrics": get("/metrics"),
    "v1: names of the models": get("/v1/models"),
    "v1: the model is ready": get(V1),
    "v1: rows": predict({"instances": ROWS.tolist()}),
    "v1: rows as `inputs`": predict({"inputs": ROWS.tolist()}),
    "v1: rows as objects": predict({"instances": OBJECTS}),
    "v1: an unknown model": predict({"instances": ROWS.tolist()}, "/v1/models/other:predict"),
    "v1: no instances": predict({}),
    "v1: malformed JSON": post(f"{V1}:predict", b"{"),
}
