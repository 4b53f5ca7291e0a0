"""Vietnam's provinces from a server that speaks like provinces.open-api.vn: /v1/p/ until June 2025, /v2/p/ since."""

from __future__ import annotations

from typing import Final, Literal

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from scoreops.adapters.retrying import ATTEMPTS, FIRST_WAIT_S, send
from scoreops.core.errors import BadInput

TIMEOUT_S: Final = 30.0
_WHO: Final = "the server of provinces"
_KINDS: Final = ("Thành phố ", "Tỉnh ")


class _Province(BaseModel):
    code: int = Field(ge=1, le=99)
    name: str = Field(min_length=1)


_LIST: Final = TypeAdapter(list[_Province])


def fetch_provinces(
    url: str, version: Literal["v1", "v2"], *, attempts: int = ATTEMPTS, first_wait_s: float = FIRST_WAIT_S
) -> dict[str, str]:
    """Names by two-digit code, without the words for province and city.

    Raises NotReady when nobody answers, BadInput for an answer of another shape.
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT_S, follow_redirects=True) as client:
        response = send(lambda: client.get(f"{version}/p/"), _WHO, attempts=attempts, first_wait_s=first_wait_s)
    try:
        found = _LIST.validate_json(response.content)
    except ValidationError as error:
        raise BadInput(f"{_WHO} sent another shape: {str(error).splitlines()[0]}") from error
    return {f"{one.code:02d}": _plain(one.name) for one in found}


def _plain(name: str) -> str:
    for kind in _KINDS:
        name = name.removeprefix(kind)
    return name.strip()
