"""What a client asks a server, whichever way it goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from keras_attention.errors import InputError

Arrays = Mapping[str, npt.NDArray[Any]]

_SCHEMES = {"grpc": "grpc", "grpcs": "grpc", "http": "rest", "https": "rest"}
_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+):(?P<port>[0-9]{1,5})(?P<path>/[^\s?#]*)?"
)


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        protocol: "grpc" or "rest".
        secure: whether through TLS.
        host: the name or number, an IPv6 number in brackets.
        port: 1 to 65535.
        path: what stands before `/v1` in a REST server's URLs, without a slash at its end.

    Example:
        >>> Address.parse("localhost:8500")
        Address(protocol='grpc', secure=False, host='localhost', port=8500, path='')
        >>> str(Address.parse("https://[::1]:443/models/"))
        '[::1]:443'
    """

    protocol: str
    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host:port`, which is gRPC's, or a URL of grpc, grpcs, http or https.

        Raises:
            InputError: if it is neither.
        """
        match = _ADDRESS.fullmatch(text)
        scheme = (match and match["scheme"]) or "grpc"
        path = ((match and match["path"]) or "").rstrip("/")
        protocol = _SCHEMES.get(scheme)
        fits = match and 0 < int(match["port"]) < 2**16 and not (protocol == "grpc" and path)
        if not match or not protocol or not fits:
            raise InputError(
                "the server must be host:port, for gRPC, or a URL such as http://host:8501, for "
                f"REST. Received: {text!r}."
            )
        return cls(protocol, scheme.endswith("s"), match["host"], int(match["port"]), path)

    def __str__(self) -> str:
        """The address as error messages have it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ServedModel:
    """Which model, and which of its versions.

    Attributes:
        name: what the server calls it.
        version: its number; None, with no label either, for the newest that is loaded.
        label: what the server's configuration calls a version.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        """The model as error messages have it."""
        if self.version is not None:
            return f"model {self.name!r}, version {self.version}"
        return f"model {self.name!r}" + (f", label {self.label!r}" if self.label else "")


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        signature: the graph that answers.
        inputs: arrays by name; strings are objects, UTF-8 bytes.
        outputs: the names that are wanted.
        everything: whether these are all that the signature has.
    """

    signature: str
    inputs: Arrays
    outputs: tuple[str, ...]
    everything: bool = True


class Transport(Protocol):
    """One way to a server; every method raises `ServingError` where there is no answer."""

    def predict(self, call: Call, seconds: float) -> Arrays:
        """The outputs, strings as UTF-8 bytes; may raise what malformed ones cause."""

    def states(self, seconds: float) -> dict[int, str]:
        """The state of each version that the server knows of, such as "AVAILABLE"."""

    def close(self) -> None:
        """Gives back what it holds."""
