"""`python -m predictors` as a container starts it: on a folder that is mounted, a prefix of a bucket, a registry."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from scoreops.adapters.storage import Storage
from scoreops.kol.fusion_score import FUSION_FEATURES
from tests.bundles import COLUMNS, fusion_bundle, plain_bundle

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "own": (plain_bundle, [1.0, 2.0, 3.0], COLUMNS),
    "fusion": (fusion_bundle, [1.0] * len(FUSION_FEATURES), FUSION_FEATURES.columns),
}


@contextmanager
def serving(environment, port, *arguments):
    """A client of a server that has become ready; the server is told to stop at the end, and must end well."""
    argv = [sys.executable, "-W", "ignore", "-m", "predictors", "--port", str(port), "--no-grpc", *arguments]
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = subprocess.Popen(argv, env=environment | own, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            deadline = time.monotonic() + 60
            while not ready(client):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline, "not ready after a minute"
                time.sleep(0.1)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def ready(client):
    try:
        return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def question(rows, columns):
    tensor = {"name": "features", "datatype": "FP64", "shape": [len(rows), len(rows[0])], "data": rows}
    return {"inputs": [tensor | {"parameters": {"columns": ",".join(columns)}}]}


@pytest.mark.parametrize("where", ["mounted", "s3"])
@pytest.mark.parametrize("model", MODELS)
def test_one_bundle_at_one_place(model, where, settings, environment, tmp_path, request, prefix):
    make, row, columns = MODELS[model]
    place = tmp_path if where == "mounted" else f"{request.getfixturevalue('bucket')}/{prefix}"
    Storage(place).write("", make())
    with serving(environment, settings.predictor_port, "--model-dir", str(place), "--model", model) as client:
        answer = client.post(f"/v2/models/{model}/infer", json=question([row], columns))
        assert answer.status_code == 200, answer.text
        assert answer.json()["model_version"] == "1"
        permuted = client.post(f"/v2/models/{model}/infer", json=question([row], columns[::-1]))
        assert permuted.status_code == 400
        assert "out of order" in permuted.json()["error"]


def test_a_registered_model_of_one_s_own(settings, environment, mlflow, tmp_path, prefix):
    def models(*arguments):
        argv = [sys.executable, "-W", "ignore", "-m", "scoreops", "models", *arguments, "--json"]
        done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    for version, weights in (("1", (1.0, 1.0, 1.0)), ("2", (2.0, 2.0, 2.0))):
        Storage(tmp_path / version).write("", plain_bundle(weights, prefix))
        code, said = models("register", str(tmp_path / version))
        assert code == 0, said
        assert json.loads(said)["version"] == int(version)
        assert models("promote", prefix, version)[0] == 0
    assert models("promote", prefix, "3")[0] == 3
    listed = json.loads(models("list")[1])
    assert [made["number"] for made in listed if made["name"] == prefix] == [2, 1]

    with serving(environment, settings.predictor_port, "--model", prefix) as client:
        asked = question([[1.0, 2.0, 3.0]], COLUMNS)
        new, old = (
            client.post(f"/v2/models/{prefix}{path}/infer", json=asked).json() for path in ("", "/versions/previous")
        )
        assert (new["outputs"][0]["data"], new["model_version"]) == ([12.0], "2")
        assert (old["outputs"][0]["data"], old["model_version"]) == ([6.0], "1")
        assert models("rollback", prefix)[0] == 0
        deadline = time.monotonic() + 30
        while (back := client.post(f"/v2/models/{prefix}/infer", json=asked).json())["model_version"] != "1":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert back["outputs"][0]["data"] == [6.0]

    (tmp_path / "1" / "more.json").write_bytes(b"{}")
    code, said = models("register", str(tmp_path / "1"))
    assert code == 2
    assert "more.json" in said


def refused(environment, *arguments):
    """What a server that cannot start says; it ends by itself."""
    argv = [sys.executable, "-W", "ignore", "-m", "predictors", *map(str, arguments)]
    wide = environment | {"COLUMNS": "300"}
    ended = subprocess.run(argv, env=wide, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode not in (0, None)
    return ended.stderr


@pytest.mark.parametrize("option", ["--port", "--grpc-port"])
def test_a_port_that_is_taken_ends_all_workers(settings, environment, option):
    ports = {"--port": settings.predictor_port, "--grpc-port": settings.predictor_grpc_port}
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports[option]))
        holder.listen()
        said = refused(environment, "--workers", 2, *(part for pair in ports.items() for part in pair))
    assert f"cannot listen on 127.0.0.1:{ports[option]}" in said
    assert f"set another {option}" in said


def test_a_shadow_of_a_model_that_is_not_served_is_refused(environment):
    said = refused(environment, "--model", "trust", "--log", "--shadow", "trsut=candidate")
    assert "no model trsut is served" in said


def test_a_certificate_that_is_not_there_is_told_in_words(environment, tmp_path):
    said = refused(environment, "--tls-cert", tmp_path / "none.pem", "--tls-key", tmp_path / "none.key")
    assert "--tls-cert" in said
    assert "does not exist" in said
    assert "Traceback" not in said
