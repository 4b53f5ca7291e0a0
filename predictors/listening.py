"""The two listeners of a server: HTTP by uvicorn, gRPC by grpc.aio, over TLS where a certificate is given."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import grpc
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from predictors.dataplane import DataPlane
from predictors.protocol import SERVICE, ReflectionPool
from predictors.rest import Rest
from predictors.rpc import Rpc
from scoreops.core.errors import NotReady

_HEALTH_S: Final = 0.2
"""How often the health service of gRPC looks whether the server is ready."""


class Tls(NamedTuple):
    """Files in PEM. With `client_ca`, only clients that it has signed are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class _AtOnce:
    """A transport that sends the head of an answer with its body.

    Uvicorn writes one and then the other, and uvloop sends each write by itself: two calls of the kernel, two segments
    and two wake-ups of the client, a seventh of what a small request costs. A head without a body goes out at the end
    of the loop's turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        self._written.append(data)
        if len(self._written) > 1:
            self.flush()
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        written, self._written = self._written, []
        if written and not self.is_closing():
            self._transport.write(b"".join(written))

    def close(self) -> None:
        self.flush()
        self._transport.close()


class _Http(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = _AtOnce(transport, self.loop)
        super().connection_made(self._joined)  # type: ignore[arg-type]

    def eof_received(self) -> None:
        """The loop closes its transport after this, whatever was written meanwhile."""
        self._joined.flush()


class HttpServer(uvicorn.Server):
    """Uvicorn that leaves the signals to us: the first one starts the drain, a second one stops at once."""

    def __init__(self, config: uvicorn.Config, told: asyncio.Event) -> None:
        super().__init__(config)
        self._told = told
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - their signature
        if self._told.is_set():
            self.should_exit = self.force_exit = True
        self._loop.call_soon_threadsafe(self._told.set)


def listen(host: str, port: int, *, shared: bool = False, option: str = "--port") -> socket.socket:
    """A bound socket; `shared` with other workers. Raises NotReady when the port is taken, which `option` sets."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise NotReady(f"cannot listen on {host}:{port}: {error.strerror}; set another {option}") from error
    return listener


def http_config(app: Rest, tls: Tls | None) -> uvicorn.Config:
    """How uvicorn runs the application."""
    secure: dict[str, Any] = {}
    if tls is not None:
        secure = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
        if tls.client_ca is not None:
            secure |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=_Http,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # nothing here asks who the client is
        timeout_keep_alive=65,
        timeout_graceful_shutdown=5,
        backlog=2048,
        **secure,
    )


class GrpcServer:
    """The gRPC door with health and reflection on one port."""

    def __init__(self, door: Rpc, plane: DataPlane, body_bytes: int, *, shared: bool = False) -> None:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc
        from grpc_reflection.v1alpha import reflection, reflection_pb2

        options = [
            ("grpc.max_receive_message_length", body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", int(shared)),
        ]
        self._plane = plane
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((door.handlers(),))
        self._health: Any = health.aio.HealthServicer()
        self._states = health_pb2.HealthCheckResponse
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        pool = ReflectionPool(health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
        reflection.enable_server_reflection(names, self._server, pool)
        self._watch: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, tls: Tls | None) -> int:
        """Listen; port 0 takes a free one. Returns the port. Raises NotReady when it is taken."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                bound: int = self._server.add_insecure_port(address)
            else:
                ca = tls.client_ca.read_bytes() if tls.client_ca else None
                pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
                credentials = grpc.ssl_server_credentials([pair], ca, ca is not None)
                bound = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise NotReady(f"cannot listen on {address}: {error}; set another --grpc-port") from error
        await self._server.start()
        self._watch = asyncio.create_task(self._tell())
        return bound

    async def _tell(self) -> None:
        told: bool | None = None
        while True:
            if told != (ready := self._plane.ready):
                told = ready
                state = self._states.SERVING if ready else self._states.NOT_SERVING
                for name in ("", SERVICE):
                    await self._health.set(name, state)
            await asyncio.sleep(_HEALTH_S)

    async def stop(self, grace_s: float) -> None:
        """No new calls; those under way have `grace_s` to end."""
        if self._watch is not None:
            self._watch.cancel()
        await self._server.stop(grace_s)
