"""What surrounds the operator where no pod runs: KServe, the gateway and Prometheus, played on a real API server.

The rollouts' services turn ready, requests follow the weights that the API server's route has, and their counters are
read over Prometheus's own protocol. The operator and the API server are the real ones.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from operators.build.names import HTTP_ROUTES, INFERENCE_SERVICES, MODEL, ROLLOUT, VERSION, version_of_backend
from scoreops.adapters.kube import connect
from scoreops.core.errors import FenceMoved, ScoreOpsError

TICK_S = 0.2


class Stage:
    """Plays until `close`, every `tick_s`. `gates`: the number that the query named so gives; `broken` versions never
    turn ready.
    """

    def __init__(self, kubeconfig, rate=50.0):
        self.kube = connect(str(kubeconfig))
        self.rate, self.tick_s = rate, TICK_S
        self.metrics_up = True
        self.gates = defaultdict(float)
        self.broken = set()
        self.samples = defaultdict(list)
        self._counts = defaultdict(float)
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threads = (self._server.serve_forever, self._play)
        self._threads = [threading.Thread(target=one, daemon=True) for one in threads]
        for thread in self._threads:
            thread.start()

    def close(self):
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(5)

    def forget(self, namespace):
        """Nobody asks for the counters of a namespace any more."""
        for kept in (self._counts, self.samples):
            for key in [key for key in list(kept) if key[0] == namespace]:
                kept.pop(key, None)

    def _play(self):
        while not self._stop.wait(self.tick_s):
            try:
                self._serve()
                self._ask()
            except ScoreOpsError:
                continue

    def _serve(self):
        for body in self.kube.list(INFERENCE_SERVICES, None, labels=VERSION):
            meta = body["metadata"]
            ready = "False" if (meta["namespace"], meta["labels"][VERSION]) in self.broken else "True"
            if body.get("status", {}).get("conditions", [{}])[0].get("status") != ready:
                condition = {"type": "PredictorReady", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}
                try:
                    self.kube.replace(INFERENCE_SERVICES, {**body, "status": {"conditions": [condition]}}, "status")
                except FenceMoved:
                    continue

    def _ask(self):
        now = time.time()
        for body in self.kube.list(HTTP_ROUTES, None, labels=ROLLOUT):
            meta = body["metadata"]
            for backend in body["spec"]["rules"][0].get("backendRefs", ()):
                version = version_of_backend(meta["labels"][ROLLOUT], backend["name"])
                key = (meta["namespace"], meta["labels"].get(MODEL, ""), version)
                self._counts[key] += self.rate * self.tick_s * backend.get("weight", 1) / 100
        for key, count in list(self._counts.items()):
            self.samples[key].append((now, int(count)))

    def query(self, text):
        """Series of the raw counters, or the number of a gate."""
        asked = re.fullmatch(r"(\w+)(\{.*\})?(?:\[(\d+)s\])?", text)
        if asked is None or not asked[3]:
            value = self.gates[text]
            return "vector", [] if value is None else [{"metric": {}, "value": [time.time(), str(value)]}]
        wanted = dict(re.findall(r'(\w+)=~?"([^"]*)"', asked[2]))
        since = time.time() - int(asked[3])
        found = []
        for (namespace, model, version), samples in list(self.samples.items()):
            fits = namespace == wanted["namespace"] and model == wanted["model"]
            if fits and re.fullmatch(wanted["version"], version):
                values = [[at, str(count)] for at, count in samples if at >= since]
                found.append({"metric": {"version": version, "outcome": "ok"}, "values": values})
        return "matrix", found


def _handler(stage):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kind, result = stage.query(parse_qs(body)["query"][0])
            status = 200 if stage.metrics_up else 503
            self._answer(status, {"status": "success", "data": {"resultType": kind, "result": result}})

        def do_GET(self):
            # A server of a version: /<namespace>/<service>/v2/models/<model>/versions/<version>
            _, _, _, _, _, model, _, version = self.path.split("/")
            self._answer(200, {"name": model, "properties": {"model_version": version}})

        def _answer(self, status, found):
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler
