"""Both doors over mutual TLS, and spans that arrive at a collector under the trace of their caller."""

from __future__ import annotations

import asyncio
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from predictors.protocol import SERVICE, message
from scoreops.adapters.bundles import write_folder
from tests.certificates import signed, written
from tests.load import Client, body_of, request_of
from tests.tiny import tiny_bundle
from tests.tiny_server import serving

BODY = body_of([[1, 2, 3]])
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


@pytest.fixture
def folder(tmp_path):
    write_folder(tiny_bundle(), tmp_path / "bundles" / "tiny" / "1")
    return tmp_path / "bundles"


def test_only_clients_that_the_authority_signed_are_let_in(folder, tmp_path):
    authority, stranger = (signed(name, authority=True) for name in ("authority", "stranger"))
    ca, _ = written(tmp_path, "ca", authority)
    server = written(tmp_path, "server", signed("server", authority))
    friend = written(tmp_path, "friend", signed("friend", authority))
    guest = written(tmp_path, "guest", signed("guest", stranger))
    tls = [str(file) for file in (*server, ca)]
    with serving(folder, tmp_path / "log", ready=False, tls=tls) as process:

        def rest(pair):
            context = ssl.create_default_context(cafile=str(ca))
            if pair:
                context.load_cert_chain(*pair)
            with httpx.Client(verify=context, base_url=f"https://127.0.0.1:{process.port}") as client:
                return client.get("/v2/health/ready").status_code

        def rpc(pair):
            keys = (pair[1].read_bytes(), pair[0].read_bytes()) if pair else (None, None)
            credentials = grpc.ssl_channel_credentials(ca.read_bytes(), *keys)
            with grpc.secure_channel(f"127.0.0.1:{process.grpc_port}", credentials) as channel:
                data = channel.unary_unary(f"/{SERVICE}/ServerReady")(b"", wait_for_ready=pair == friend, timeout=30)
                return message("ServerReadyResponse").FromString(data).ready

        while '"bundle loaded"' not in process.log:
            assert process.process.poll() is None
        assert rest(friend) == 200
        assert rpc(friend)
        for pair in (guest, None):
            with pytest.raises(httpx.TransportError):
                rest(pair)
            with pytest.raises(grpc.RpcError) as refused:
                rpc(pair)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def collector(monkeypatch):
    """A collector that takes OTLP over HTTP and keeps the spans."""
    spans = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                name = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                spans.extend((name, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield spans
        server.shutdown()


def test_spans_arrive_under_the_trace_of_their_caller(folder, tmp_path, collector):
    headers = (f"traceparent: 00-{TRACE}-{CALLER}-01",)
    with serving(folder, tmp_path / "log", trace=True) as server:

        async def ask():
            client = Client(server.port)
            good = await client.send(request_of(BODY, headers=headers))
            bad = await client.send(request_of(BODY.replace(b"a,b,c", b"b,a,c"), headers=headers))
            client.leave()
            return good.status, bad.status

        assert asyncio.run(ask()) == (200, 400)
        assert server.terminate() == 0
    assert [(service, span.name, span.trace_id.hex(), span.parent_span_id.hex()) for service, span in collector] == [
        ("scoreops-predictor", "infer", TRACE, CALLER)
    ] * 2
    good, bad = (span for _, span in collector)
    assert good.status.code == 1
    assert (bad.status.code, "out of order" in bad.status.message) == (2, True)
    assert {a.key: a.value.string_value for a in good.attributes}["model"] == "tiny"


def test_the_context_that_came_in_is_passed_on_without_a_collector(folder, tmp_path):
    with (
        serving(folder, tmp_path / "log") as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        for sent, back in ((f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-01"), ("nonsense", None), (None, None)):
            head = {"traceparent": sent} if sent else {}
            answer = client.post("/v2/models/tiny/infer", content=BODY, headers=head)
            assert answer.headers.get("traceparent") == back
