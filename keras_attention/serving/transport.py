"""The requests of a client, and the interface of the transports that send them."""

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
    """The address of a server.

    Attributes:
        protocol: "grpc" or "rest".
        secure: whether to use TLS.
        host: host name or IP address, an IPv6 address in brackets.
        port: 1 to 65535.
        path: the part before `/v1` in a REST server's URLs, without a slash at its end.

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
        """Parse `host:port`, which means gRPC, or a URL with scheme grpc, grpcs, http or https.

        Raises:
            InputError: if the text has neither form.
        """
        match = _ADDRESS.fullmatch(text)
        scheme = (match and match["scheme"]) or "grpc"
        path = ((match and match["path"]) or "").rstrip("/")
        protocol = _SCHEMES.get(scheme)
        fits = match and 0 < int(match["port"]) < 2**16 and not (protocol == "grpc" and path)
        if not match or not protocol or not fits:
            raise InputError(
                "the server must be host:port for gRPC, or a URL such as http://host:8501 for "
                f"REST. Received: {text!r}."
            )
        return cls(protocol, scheme.endswith("s"), match["host"], int(match["port"]), path)

    def __str__(self) -> str:
        """Return the address for error messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ServedModel:
    """A model on a server, and optionally one of its versions.

    Attributes:
        name: the model's name on the server.
        version: number of a version. Default: the newest loaded version, unless there is a label.
        label: label of a version in the server's configuration.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        """Return a description of the model for error messages."""
        if self.version is not None:
            return f"model {self.name!r}, version {self.version}"
        return f"model {self.name!r}" + (f", label {self.label!r}" if self.label else "")


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        signature: name of the signature to call.
        inputs: arrays by name; strings are UTF-8 bytes in arrays of objects.
        outputs: names of the outputs to return.
        everything: whether these are all outputs of the signature.
    """

    signature: str
    inputs: Arrays
    outputs: tuple[str, ...]
    everything: bool = True


class Transport(Protocol):
    """The interface of a transport; its methods raise `ServingError` if there is no answer."""

    def predict(self, call: Call, seconds: float) -> Arrays:
        """Return the outputs, strings as UTF-8 bytes; a malformed answer may raise any error."""

    def states(self, seconds: float) -> dict[int, str]:
        """Return the state, such as "AVAILABLE", of each version on the server."""

    def close(self) -> None:
        """Close all connections."""
