"""The World Bank's API of indicators, version 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from scoreops.adapters.retrying import ATTEMPTS, FIRST_WAIT_S, send
from scoreops.core.errors import BadInput

TIMEOUT_S: Final = 30.0
PER_PAGE: Final = 1_000
MAX_PAGES: Final = 200
_WHO: Final = "the World Bank"


@dataclass(frozen=True)
class Observation:
    """The value of an indicator for a country (ISO 3166 alpha-3) and year."""

    country_code: str
    country: str
    year: int
    value: float


class _Named(BaseModel):
    value: str


class _Item(BaseModel):
    country: _Named
    countryiso3code: str = Field(pattern=r"^[A-Z]{3}$")
    date: Annotated[str, Field(pattern=r"^\d{4}$")]
    value: float | None = Field(allow_inf_nan=False)


class _Page(BaseModel):
    page: int
    pages: int


_ITEMS: Final = TypeAdapter(list[_Item])


class WorldBank:
    """A client. Every page is asked for again while the other side is busy."""

    def __init__(self, url: str, *, attempts: int = ATTEMPTS, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, follow_redirects=True)
        self._tries = {"attempts": attempts, "first_wait_s": first_wait_s}

    def indicator(self, code: str, countries: Sequence[str], first: int, last: int) -> list[Observation]:
        """Known values of an indicator such as NY.GDP.MKTP.CD, of years from `first` to `last`, both included.

        Raises NotReady when nobody answers, BadInput for what the API refuses or for an answer of another shape.
        """
        items = self._items(f"country/{';'.join(countries)}/indicator/{code}", f"{first}:{last}")
        return [
            Observation(item.countryiso3code, item.country.value, int(item.date), item.value)
            for item in items
            if item.value is not None
        ]

    def _items(self, path: str, years: str) -> Iterator[_Item]:
        page, pages = 1, 1
        while page <= pages:
            if page > MAX_PAGES:
                raise BadInput(f"{_WHO} announces {pages} pages, more than {MAX_PAGES}")
            query = {"format": "json", "date": years, "per_page": str(PER_PAGE), "page": str(page)}
            ask = lambda asked=query: self._http.get(path, params=asked)  # noqa: E731
            head, items = _parts(send(ask, _WHO, **self._tries))  # type: ignore[arg-type]
            pages, page = head.pages, page + 1
            yield from items

    def close(self) -> None:
        """Leave."""
        self._http.close()


def _parts(response: httpx.Response) -> tuple[_Page, list[_Item]]:
    """The head and the items of an answer. What is wrong is said with status 200, as [{"message": [...]}]."""
    try:
        body: Any = response.json()
    except ValueError as error:
        raise BadInput(f"{_WHO} sent no JSON: {response.text[:80]!r}") from error
    if isinstance(body, list) and body and isinstance(body[0], dict) and "message" in body[0]:
        said = "; ".join(str(part.get("value", part)) for part in body[0]["message"])
        raise BadInput(f"{_WHO} refused: {said}")
    try:
        head, items = body
        return _Page.model_validate(head), _ITEMS.validate_python(items or [])
    except (ValidationError, TypeError, ValueError) as error:
        raise BadInput(f"{_WHO} sent another shape than [page, items]: {str(error).splitlines()[0]}") from error
