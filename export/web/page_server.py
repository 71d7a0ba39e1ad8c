"""A web server for one folder on this machine."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError

HOST = "127.0.0.1"
"""The loopback address of this machine, which other machines cannot reach."""


class PageServer(ThreadingHTTPServer):
    """A server that reserves its port when it is created; `serve` then serves a folder.

    Args:
        port: the port; 0 for any that is free.

    Attributes:
        address: the address of the folder.

    Raises:
        InputError: if the port is in use or not allowed.
    """

    def __init__(self, port: int) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port: {HOST}:{port} cannot be used; choose another port, or 0 for any that is "
                f"free. Received: {error.strerror}."
            ) from None
        self.address = f"http://{HOST}:{self.server_port}/"

    def serve(self, folder: Path) -> None:
        """Serve the files of a folder until `shutdown` is called or a signal arrives."""
        self.RequestHandlerClass = partial(_Handler, directory=folder)
        self.serve_forever()


class _Handler(SimpleHTTPRequestHandler):
    """A handler that sends the content types that browsers require, not those of the system."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".json": "application/json",
    }

    def end_headers(self) -> None:
        """Forbid caching, so that the browser does not show a page that was served here before."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: requests are not interesting."""
