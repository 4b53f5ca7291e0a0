"""Requests that are no traffic: copies that a gateway mirrors, and the golden requests of whoever checks a version.

A copy is answered like any request, and its answer goes to nobody. It is counted apart, so that the share of the
traffic that a version has can be seen, and it is logged under the id of the request it is a copy of, so that both
answers make a pair. That id is the one in the body or, without one, that of the header `x-request-id`, which gateways
set and copy.
"""

from __future__ import annotations

from typing import Final

from predictors.tensors import InferRequest

ID: Final = "x-request-id"
KIND: Final = "x-scoreops-copy"
"""Header by which a client says that its request is a copy: GOLDEN or MIRROR."""
GOLDEN: Final = "golden"
"""Not logged either: its inputs are the bundle's own."""
MIRROR: Final = "mirror"
MIRRORED: Final = "-shadow"
"""What Envoy appends to the host of what it mirrors."""
_LONGEST: Final = 128


def told(request: InferRequest, *, name: str, kind: str, host: str) -> InferRequest:
    """The request with what its headers say: an id where the body has none, and whether it is a copy."""
    if request.id is None and 0 < len(name) <= _LONGEST:
        request = request._replace(id=name)
    if kind in {GOLDEN, MIRROR}:
        return request._replace(copy=kind)
    if host.partition(":")[0].endswith(MIRRORED):
        return request._replace(copy=MIRROR)
    return request
