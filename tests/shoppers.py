"""Requests until SIGTERM: python -m tests.shoppers PORT MODEL CLIENTS REPORT; prints a line once somebody is answered.

Request ids are r0, r1, ...; features are (x, 0, 0) with x going round through -2 to 2. The report counts answers by
status and version.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from tests.load import Client, request_of

COLUMNS = ("a", "b", "c")
PAUSE_S = 0.002
ROUND = 401


def value_of(number):
    """The first feature of request `number`."""
    return (number % ROUND) / 100 - 2


def body(number):
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, 3], "data": [[value_of(number), 0.0, 0.0]]}
    tensor["parameters"] = {"columns": ",".join(COLUMNS)}
    return json.dumps({"id": f"r{number}", "inputs": [tensor]}).encode()


async def ask(port, model, clients):
    stop, found, numbers = asyncio.Event(), Counter(), itertools.count()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def one():
        client = Client(port)
        while not stop.is_set():
            answer = await client.send(request_of(body(next(numbers)), f"/v2/models/{model}/infer"))
            version = json.loads(answer.body).get("model_version", "") if answer.status == 200 else ""
            if not found:
                sys.stdout.write("open\n")
                sys.stdout.flush()
            found[answer.status, version] += 1
            await asyncio.sleep(PAUSE_S)
        client.leave()

    await asyncio.gather(*(one() for _ in range(clients)))
    return found


if __name__ == "__main__":
    counted = asyncio.run(ask(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    Path(sys.argv[4]).write_text(json.dumps([[key, count] for key, count in counted.items()]))
