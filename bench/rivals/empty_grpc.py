"""An empty gRPC server of grpcio: bytes in, the same answer out, nothing else. What no server on grpcio can undercut.

Run as a script: KIND PORT THREADS, where KIND is "aio" (on uvloop, without threads) or "sync".
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop

from bench.rivals.servers import HOST, MODEL
from predictors.protocol import SERVICE, message


def _handlers(infer: Any) -> Any:
    return grpc.method_handlers_generic_handler(SERVICE, {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)})


async def _serve_aio(port: int, answer: bytes) -> None:
    async def infer(_asked: bytes, _context: Any) -> bytes:
        return answer

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_handlers(infer),))
    server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    await server.wait_for_termination()


def _serve_sync(port: int, answer: bytes, threads: int) -> None:
    server = grpc.server(ThreadPoolExecutor(threads))
    server.add_generic_rpc_handlers((_handlers(lambda _asked, _context: answer),))
    server.add_insecure_port(f"{HOST}:{port}")
    server.start()
    server.wait_for_termination()


def main() -> None:
    """Serve until SIGTERM."""
    kind, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answer = message("ModelInferResponse")(model_name=MODEL, model_version="1", id="1").SerializeToString()
    if kind == "aio":
        uvloop.run(_serve_aio(port, answer))
    else:
        _serve_sync(port, answer, threads)


if __name__ == "__main__":
    main()
