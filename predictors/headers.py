"""What a request says of itself in its headers: the key, whether it is a copy, the trace it belongs to."""

from __future__ import annotations

from predictors.copies import ID, KIND, MIRRORED, told
from predictors.guard import key_of
from predictors.http import Scope, header
from predictors.tensors import InferRequest

_ID, _KIND, _MIRRORED = (text.encode() for text in (ID, KIND, MIRRORED))


def given_key(scope: Scope) -> bytes:
    """The key that the client brings, b"" for none."""
    return key_of(header(scope, b"x-api-key"), header(scope, b"authorization"))


def marked(request: InferRequest, scope: Scope) -> InferRequest:
    """The request with what its headers say of it: its id, and that it is a copy."""
    name, kind, host = header(scope, _ID), header(scope, _KIND), header(scope, b"host")
    if not name and not kind and _MIRRORED not in host:  # as nearly always
        return request
    return told(request, name=name.decode("latin-1"), kind=kind.decode("latin-1"), host=host.decode("latin-1"))


def trace_of(scope: Scope) -> tuple[str, str]:
    """Traceparent and tracestate, "" where there is none."""
    traceparent = header(scope, b"traceparent")
    return (traceparent.decode("latin-1"), header(scope, b"tracestate").decode("latin-1")) if traceparent else ("", "")
