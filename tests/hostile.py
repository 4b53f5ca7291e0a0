"""Requests that no honest client sends, endlessly, from a seed. What each is about stands beside its bytes."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib

import numpy as np

from predictors.protocol import InferRequestMessage
from tests.load import INFER, body_of, request_of
from tests.tiny import JOINED

GOOD = body_of([[1, 2, 3], [0, 0, 1]])
_VALUES = (
    None, True, "", "\ud800", "1e999", -1, 0, 1.5, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, [], [[]], {}, {"a": 1},
    [None], [[1], [2, 3]], [1e308] * 3, ["x"] * 3, [True, 1, 1.0], "FP64", "BYTES", "FP16", "UINT8", "nul\0", "é" * 50,
)  # fmt: skip
_PATHS = (
    INFER, "/v2/models/tiny/versions/1/infer", "/v2/models/tiny/versions/champion/infer", "/v1/models/tiny:predict",
    "/v2/models/%00/infer", "/v2/models/tiny/versions/%ff/infer", "/v2/repository/index", "/v2/models//infer",
    "/v2/repository/models/tiny/load", "/v2/" + "x" * 3000, "/" + "a/" * 200,
)  # fmt: skip


def _flipped(rng, body):
    made = bytearray(body)
    for _ in range(rng.randint(1, 6)):
        made[rng.randrange(len(made))] = rng.randrange(256)
    return bytes(made)


def _cut(rng, body):
    return body[: rng.randrange(len(body))]


def _spliced(rng, body):
    start, stop = sorted(rng.randrange(len(body)) for _ in range(2))
    return body[:start] + body[stop:] + body[start:stop] * rng.randint(0, 3)


def _value(rng):
    return copy.deepcopy(rng.choice(_VALUES))


def _changed(rng, body):
    """Valid JSON in which fields are of another kind, missing, or more than they should be."""
    made = json.loads(body)
    tensor = made["inputs"][0]
    for _ in range(rng.randint(1, 4)):
        place = rng.choice((made, tensor, tensor["parameters"] if isinstance(tensor.get("parameters"), dict) else made))
        name = rng.choice((*place, "id", "parameters", "outputs", "binary_data_size", "timeout", "shape", "extra"))
        if rng.random() < 0.15:
            place.pop(name, None)
        else:
            place[name] = _value(rng)
    if rng.random() < 0.1:
        made["inputs"] = [tensor] * rng.randint(2, 50)
    return json.dumps(made).encode()


def _shaped(rng, _body):
    shape = [rng.choice((0, 1, 2, 3, -1, 2**31, 2**62, 10**30)) for _ in range(rng.randint(0, 12))]
    tensor = {"name": "features", "datatype": "FP64", "shape": shape, "data": [1.0] * rng.randint(0, 40)}
    return json.dumps({"inputs": [tensor | {"parameters": {"columns": JOINED}}]}).encode()


def _nested(rng, _body):
    depth = rng.choice((9, 100, 2000, 20_000))
    deep = b"[" * depth + b"]" * depth
    return b'{"inputs":[{"name":"features","datatype":"FP64","shape":[1,3],"data":' + deep + b"}]}"


def _numbers(rng, _body):
    text = rng.choice(("1e400", "-1e400", "1" * 400, "0" * 50 + "1", "1e-400", "NaN", "Infinity", "0x10", "1_0", ".5"))
    return GOOD.replace(b"1.0", text.encode(), 1)


def _noise(rng, _body):
    return rng.randbytes(rng.randint(0, 400))


BODIES = (_flipped, _cut, _spliced, _changed, _changed, _changed, _shaped, _nested, _numbers, _noise)


def _plain(rng):
    make = rng.choice(BODIES)
    return make.__name__, request_of(make(rng, GOOD), rng.choice(_PATHS) if rng.random() < 0.2 else INFER)


def _raw(rng):
    """The binary extension with sizes that lie."""
    blob = rng.randbytes(rng.choice((0, 1, 23, 24, 25, 48)))
    datatype = rng.choice(("FP64", "FP32", "BYTES", "BOOL", "INT8", "FP16"))
    size = rng.choice((len(blob), len(blob) + 1, 24, 0, -1, 2**40, "24", None, 1.5))
    tensor = {"name": "features", "datatype": datatype, "shape": [1, 3]}
    tensor["parameters"] = {"columns": JOINED, "binary_data_size": size}
    text = json.dumps({"inputs": [tensor]}).encode()
    told = rng.choice((len(text), len(text) - 1, len(text) + 1, 0, 10**9, -5, "x", 10**40))
    return "raw", request_of(text + blob, headers=(f"Inference-Header-Content-Length: {told}",))


def _packed(rng):
    kind = rng.choice(("bomb", "cut", "flipped", "not", "named", "twice"))
    packed = gzip.compress(GOOD, 1)
    body = {
        "bomb": _BOMB,
        "cut": packed[: rng.randrange(len(packed))],
        "flipped": _flipped(rng, packed),
        "not": GOOD,
        "named": zlib.compress(GOOD),
        "twice": gzip.compress(packed),
    }[kind]
    name = rng.choice(("gzip", "deflate", "br", "gzip, gzip"))
    return f"packed {kind}", request_of(body, headers=(f"Content-Encoding: {name}",))


_BOMB = gzip.compress(b" " * 3_000_000, 9)


def _framed(rng):
    """HTTP whose frame is broken: the connection may be closed, nothing else may happen."""
    return "framed", rng.choice(
        (
            b"POST " + INFER.encode() + b" HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST " + INFER.encode() + b" HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"POST " + INFER.encode() + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 20,
            b"BREW /pot HTTP/1.1\r\nHost: \r\n\r\n",
            b"POST " + INFER.encode() + b" HTTP/1.1\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
            rng.randbytes(200) + b"\r\n\r\n",
        )
    )


def requests(seed, count):
    """`count` of (what it is, bytes to send)."""
    rng = random.Random(seed)
    kinds = (_plain,) * 14 + (_raw,) * 4 + (_packed,) * 2 + (_framed,)
    for _ in range(count):
        yield rng.choice(kinds)(rng)


def messages(seed, count):
    """`count` of bytes for the gRPC door's ModelInfer."""
    rng = random.Random(seed)
    for _ in range(count):
        made = InferRequestMessage(model_name=rng.choice(("tiny", "tiny", "tiny", "", "x" * 300)))
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            item = made.inputs.add(
                name=rng.choice(("features", "notes", "")), datatype=rng.choice(("FP64", "BYTES", "Q"))
            )
            item.shape.extend(rng.choice((0, 1, 3, -1, 2**62)) for _ in range(rng.randint(0, 10)))
            item.parameters["columns"].string_param = JOINED
            if rng.random() < 0.2:
                item.parameters["empty"].Clear()
            if rng.random() < 0.5:
                item.contents.fp64_contents.extend([1.0] * rng.randint(0, 6))
        for _ in range(rng.choice((0, 0, 1, 2))):
            made.raw_input_contents.append(rng.choice((rng.randbytes(24), np.ones(3).tobytes(), b"\xff\xff\xff\xff")))
        data = made.SerializeToString()
        yield _flipped(rng, data) if data and rng.random() < 0.3 else data
