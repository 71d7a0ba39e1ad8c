"""The transport over REST, which uses only the Python standard library."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from keras_attention.serving.failures import ServingError, in_a_line
from keras_attention.serving.transport import Address, Arrays, Call, ServedModel

_TEMPORARY = {429, 502, 503}
_DEADLINE_EXCEEDED = {408, 504}
_STRINGS = {"text", "tokens", "source_tokens", "error", "state"}


class RestTransport:
    """A REST transport with one connection for each request, so that threads share nothing.

    Args:
        address: the server's address.
        model: the model to call.
        credentials: an `ssl.SSLContext` for the scheme https. Default: a context with the
            certificates of the system.
    """

    def __init__(
        self, address: Address, model: ServedModel, credentials: ssl.SSLContext | None = None
    ) -> None:
        self._address, self._model = address, model
        self._open_sockets: set[socket.socket] = set()
        self._trusted = credentials or (ssl.create_default_context() if address.secure else None)
        self._path = f"{address.path}/v1/models/{quote(model.name, safe='')}"
        if model.version is not None:
            self._path += f"/versions/{model.version}"
        if model.label is not None:
            self._path += f"/labels/{quote(model.label, safe='')}"

    def predict(self, call: Call, seconds: float) -> Arrays:
        """Return the outputs of a signature; the server always sends all of them."""
        inputs = {name: _plain(array) for name, array in call.inputs.items()}
        request = {"signature_name": call.signature, "inputs": inputs}
        body = json.dumps(request, ensure_ascii=False).encode()
        outputs = self._ask("POST", f"{self._path}:predict", body, seconds)["outputs"]
        return {name: _array(name, outputs[name]) for name in call.outputs if name in outputs}

    def states(self, seconds: float) -> dict[int, str]:
        """Return the state of each version, such as "AVAILABLE"."""
        answer = self._ask("GET", self._path, None, seconds)
        return {int(each["version"]): each["state"] for each in answer["model_version_status"]}

    def close(self) -> None:
        """Shut down the connections of requests in progress."""
        for sock in tuple(self._open_sockets):
            _shut_down(sock)

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Any:
        try:
            with self._connection(seconds) as connection:
                connection.request(method, path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                status, body = response.status, response.read()
        except (OSError, HTTPException) as error:
            raise self._failure(error) from error
        if status != 200:
            raise self._refusal(status, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ServingError(
                f"{self._address}: expected an answer in JSON. Received: something else."
            ) from error

    @contextmanager
    def _connection(self, seconds: float) -> Iterator[HTTPConnection]:
        """Open a connection and shut it down at the deadline, even if bytes still arrive."""
        connection, late = self._make_connection(seconds), threading.Event()
        end = time.monotonic() + seconds
        try:
            connection.connect()
            sock = connection.sock
            guard = threading.Timer(max(0.0, end - time.monotonic()), _shut_down, [sock, late])
            guard.daemon = True
            guard.start()
            self._open_sockets.add(sock)
            try:
                yield connection
            except (OSError, HTTPException):
                if not late.is_set():
                    raise
            finally:
                guard.cancel()
                self._open_sockets.discard(sock)
            # Without a Content-Length header, a truncated response looks complete.
            if late.is_set():
                raise TimeoutError
        finally:
            connection.close()

    def _make_connection(self, seconds: float) -> HTTPConnection:
        host, port = self._address.host.strip("[]"), self._address.port
        if self._trusted:
            return HTTPSConnection(host, port, timeout=seconds, context=self._trusted)
        return HTTPConnection(host, port, timeout=seconds)

    def _failure(self, error: Exception) -> ServingError:
        if isinstance(error, TimeoutError):
            return ServingError(f"{self._address}: no answer within the deadline.")
        reason = in_a_line(str(error) or type(error).__name__)
        if isinstance(error, ConnectionError | IncompleteRead):
            return ServingError(f"{self._address}: cannot be reached: {reason}.", temporary=True)
        if isinstance(error, HTTPException):
            return ServingError(f"{self._address}: expected an answer in HTTP. Received: {reason}.")
        return ServingError(f"{self._address}: cannot be reached: {reason}.")

    def _refusal(self, status: int, body: bytes) -> ServingError:
        if status in _DEADLINE_EXCEEDED:
            return ServingError(f"{self._address}: no answer within the server's own deadline.")
        text = body.decode(errors="replace")
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            text = str(json.loads(text)["error"])
        return ServingError(
            f"{self._address}: {self._model} failed with HTTP {status}: {in_a_line(text)}.",
            temporary=status in _TEMPORARY,
        )


def _shut_down(sock: socket.socket, late: threading.Event | None = None) -> None:
    if late is not None:
        late.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _plain(array: npt.NDArray[Any]) -> list[Any]:
    return [each.decode() if isinstance(each, bytes) else each for each in array.tolist()]


def _array(name: str, value: Any) -> npt.NDArray[Any]:
    if name not in _STRINGS:
        return np.asarray(value, "float32")
    return np.asarray(np.frompyfunc(_encode, 1, 1)(np.array(value, object)), object)


def _encode(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()
