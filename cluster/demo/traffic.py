"""Requests to the demo's scores through the gateway, all the while, and the truth about each of them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx
import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from cluster.demo.objects import host
from scoreops.core.errors import NotReady
from scoreops.kol.events import LABELS_TOPIC
from scoreops.kol.trust_features import TRUST_FEATURES

CLIENTS: Final = 3
PAUSE_S: Final = 0.02
"""Between two requests of a client, so that the machine has time for the cluster too."""
_LIMIT_S: Final = 10.0
_ROUTE_S: Final = 60.0
_INFER: Final = "/v2/models/trust/infer"
_JOINED: Final = ("trust", "success", "fusion")
T = TypeVar("T")


@dataclass
class Tally:
    """What came back: answers by version, and requests without one by what was said instead."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many requests had no answer."""
        return self.failures.total()

    def since(self, before: Tally) -> Tally:
        """What came back after `before`."""
        return Tally(self.answers - before.answers, self.failures - before.failures)


class Traffic:
    """Clients that ask trust one question after another, from `start` to `stop`."""

    def __init__(self, gateway: str, kafka: str, asked: NDArray[np.float64], genuine: NDArray[np.float64]) -> None:
        """`asked` (n, d) are features of KOLs, `genuine` (n,) what each turns out to be."""
        self._gateway, self._asked, self._genuine = gateway, asked, genuine
        self._producer = Producer({"bootstrap.servers": kafka, "linger.ms": 50})
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._stop = threading.Event()
        self._tally = Tally()
        self._threads = [threading.Thread(target=self._ask, name=f"client-{n}", daemon=True) for n in range(CLIENTS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, once every request under way is answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_LIMIT_S)
        self._producer.flush(_LIMIT_S)

    def tally(self) -> Tally:
        """What came back until now."""
        with self._lock:
            return Tally(Counter(self._tally.answers), Counter(self._tally.failures))

    def _ask(self) -> None:
        with _client(self._gateway, "trust") as client:
            while not self._stop.wait(PAUSE_S):
                with self._lock:
                    number = next(self._numbers)
                row = number % len(self._asked)
                self._tell_truth(number, row)
                self._count(*_answer(client, _question(f"demo-{number}", self._asked[row])))

    def _tell_truth(self, number: int, row: int) -> None:
        now = datetime.now(UTC).isoformat()
        label = {"model": "trust", "request_id": f"demo-{number}", "label": int(self._genuine[row]), "label_time": now}
        self._producer.produce(LABELS_TOPIC, json.dumps(label).encode())
        self._producer.poll(0)

    def _count(self, version: str, said: str) -> None:
        with self._lock:
            if said:
                self._tally.failures[said] += 1
            else:
                self._tally.answers[version] += 1


def wait_for_route(gateway: str, row: NDArray[np.float64]) -> None:
    """Return once the gateway has an answer for trust. Raises NotReady after a minute."""
    _eventually(gateway, "trust", lambda client: client.post(_INFER, json=_question("first", row)).raise_for_status())


def ask_fused(gateway: str) -> dict[str, str]:
    """The version that answers for each model at the fusion's own host, once all do. Raises NotReady as above."""

    def ask(client: httpx.Client) -> dict[str, str]:
        answers = {name: client.get(f"/v2/models/{name}").raise_for_status() for name in _JOINED}
        return {name: str(answer.json()["versions"][-1]) for name, answer in answers.items()}

    return _eventually(gateway, "fusion", ask)


def _eventually(gateway: str, name: str, ask: Callable[[httpx.Client], T]) -> T:
    """What `ask` returns: the gateway hears of a route a moment after the API server."""
    deadline = time.monotonic() + _ROUTE_S
    with _client(gateway, name) as client:
        while True:
            try:
                return ask(client)
            except (httpx.HTTPError, KeyError) as error:
                if time.monotonic() > deadline:
                    raise NotReady(f"the gateway does not answer for {host(name)}: {error}") from error
                time.sleep(0.1)


def _client(gateway: str, name: str) -> httpx.Client:
    """Straight to the gateway, whatever proxy is set."""
    return httpx.Client(base_url=gateway, headers={"Host": host(name)}, timeout=_LIMIT_S, trust_env=False)


def _question(name: str, row: NDArray[np.float64]) -> dict[str, Any]:
    data = [None if np.isnan(value) else float(value) for value in row]
    tensor: dict[str, Any] = {"name": "features", "datatype": "FP64", "shape": [1, len(row)], "data": data}
    tensor["parameters"] = {"columns": ",".join(TRUST_FEATURES.columns)}
    return {"id": name, "inputs": [tensor], "outputs": [{"name": "score"}], "parameters": {"reasons": False}}


def _answer(client: httpx.Client, question: dict[str, Any]) -> tuple[str, str]:
    """The version that answered, and what was said instead of an answer, "" if there was one."""
    try:
        response = client.post(_INFER, json=question)
    except httpx.HTTPError as error:
        return "", type(error).__name__
    if response.status_code != httpx.codes.OK:
        return "", f"HTTP {response.status_code}"
    return str(response.json().get("model_version", "")), ""
