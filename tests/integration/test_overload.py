"""Twice the requests that the server can answer, for two minutes: those let in are answered, the rest told at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import numpy as np
import pytest

from scoreops.adapters.bundles import write_folder
from tests.load import closed_loop, open_loop, request_of
from tests.tiny import JOINED, tiny_bundle
from tests.tiny_server import serving

SECONDS = 120
ROWS = 1_500
"""So many rows take the server some milliseconds, and this process, which shares the machine, next to nothing."""
WAIT_S = 0.25
CONCURRENCY = 32
CLIENTS = 64


def raw_rows():
    """Features as raw bytes, one raw output back."""
    blob = np.ones((ROWS, 3)).tobytes()
    tensor = {"name": "features", "datatype": "FP64", "shape": [ROWS, 3]}
    tensor["parameters"] = {"columns": JOINED, "binary_data_size": len(blob)}
    outputs = [{"name": "reasons"}, {"name": "score", "parameters": {"binary_data": True}}]
    text = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
    return request_of(text + blob, headers=(f"Inference-Header-Content-Length: {len(text)}",))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(400)
def test_at_twice_its_capacity_a_server_stays_small_and_quick_and_recovers(tmp_path, record_property):
    write_folder(tiny_bundle(), tmp_path / "bundles" / "tiny" / "1")
    limits = {"concurrency": CONCURRENCY, "wait_s": WAIT_S}
    request = raw_rows()
    with serving(tmp_path / "bundles", tmp_path / "log", limits=limits) as server:

        def measure(seconds):
            until = time.perf_counter() + seconds
            answers = asyncio.run(closed_loop((server.port,), request, 2, lambda: time.perf_counter() > until))
            assert {answer.status for answer in answers} == {200}
            return len(answers) / seconds

        capacity = measure(5)
        rss = []

        async def overload():
            flood = asyncio.create_task(open_loop((server.port,), request, 2 * capacity, SECONDS, CLIENTS))
            while not flood.done():
                await asyncio.wait([flood], timeout=SECONDS / 10)
                rss.append(server.rss_mb)
            return flood.result()

        answers = asyncio.run(overload())
        counts = Counter(answer.status for answer in answers)
        assert set(counts) == {200, 429}, counts
        assert counts[200] > SECONDS * capacity / 4  # most of what it can do it still does
        assert counts[429] > counts[200] / 4
        taken = np.array([answer.seconds for answer in answers if answer.status == 200])
        told = np.array([answer.seconds for answer in answers if answer.status == 429])
        assert np.median(told) < np.median(taken)  # a refusal is quicker than an answer
        assert server.metric("predictor_rejected_total") > 0
        assert server.metric("predictor_requests_in_flight") == 0
        assert max(rss[1:]) - rss[0] < 64, rss
        assert measure(5) > capacity / 2
        figures = {"capacity": capacity, "answered": counts[200], "refused": counts[429], "rss_mb": rss}
        figures["p50, p99 answered, ms"] = [round(1e3 * q, 1) for q in np.quantile(taken, [0.5, 0.99])]
        figures["p50, p99 refused, ms"] = [round(1e3 * q, 1) for q in np.quantile(told, [0.5, 0.99])]
        record_property("overload", figures)
