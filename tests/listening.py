"""An HTTP server in this process that notes what it is asked and answers what it is told to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Listener:
    """`url`, every request so far, and `answers`: (status, body, headers) in turn, the last one for ever."""

    url: str
    answers: list
    asked: list = field(default_factory=list)

    def answer(self, request):
        """What the next request is told; a subclass may look at it."""
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def listening(*answers, kind=Listener):
    """A Listener on a free port. `answers` are statuses, or (status, body, headers)."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text, headers = made.answer(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = handle_any  # noqa: N815 - the names that the server calls

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    full = [answer if isinstance(answer, tuple) else (answer, b"", {}) for answer in answers or (200,)]
    made = kind(f"http://127.0.0.1:{server.server_port}", full)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
