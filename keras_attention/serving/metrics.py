"""Prometheus metrics of a client's requests; the server's metrics do not separate clients."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from keras_attention.distribution import install_command
from keras_attention.errors import InputError
from keras_attention.serving.failures import ServingError
from keras_attention.serving.transport import Arrays, Call, ServedModel, Transport

_NAME = "keras_attention"
_LABELS = ("model", "signature")
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class MeasuredTransport:
    """A transport that counts and times the requests of another transport.

    Each attempt counts, so retries are visible. The metrics have the labels `model` and
    `signature`:

    - `keras_attention_requests_total`, also with the label `outcome`: `ok`, `retryable` for a
      temporary failure, or `failed`;
    - `keras_attention_request_seconds`, a histogram of the time of a request;
    - `keras_attention_request_texts`, a histogram of the number of texts in a request;
    - `keras_attention_refused_texts_total`: texts that the graph refused, for example because they
      are too long.

    Args:
        transport: the transport that sends the requests.
        model: the model that the requests are for.
        registry: a `prometheus_client.CollectorRegistry`, such as `prometheus_client.REGISTRY`.
            Clients that share a registry share the metrics.

    Raises:
        InputError: if `prometheus_client` is not installed.
    """

    def __init__(self, transport: Transport, model: ServedModel, registry: Any) -> None:
        self._transport = transport
        self._model = model.name
        self._requests, self._seconds, self._texts, self._refused = _metrics_of(registry)

    def predict(self, call: Call, seconds: float) -> Arrays:
        """Send a request; see `Transport`."""
        labels = {"model": self._model, "signature": call.signature}
        start, outcome = time.perf_counter(), "failed"
        self._texts.labels(**labels).observe(len(next(iter(call.inputs.values()))))
        try:
            outputs = self._transport.predict(call, seconds)
            outcome = "ok"
        except ServingError as error:
            outcome = "retryable" if error.temporary else "failed"
            raise
        finally:
            self._seconds.labels(**labels).observe(time.perf_counter() - start)
            self._requests.labels(**labels, outcome=outcome).inc()
        refused = sum(bool(error) for error in outputs.get("error", ()))
        self._refused.labels(**labels).inc(refused)
        return outputs

    def states(self, seconds: float) -> dict[int, str]:
        """Return the state of each version on the server."""
        return self._transport.states(seconds)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


def _metrics_of(registry: Any) -> tuple[Any, Any, Any, Any]:
    """Return the metrics of a registry, and create them if no other client has."""
    try:
        from prometheus_client import Counter, Histogram
    except ImportError:
        raise InputError(
            f"`metrics` requires prometheus_client; install it with {install_command('serving')}. "
            "Received: no prometheus_client."
        ) from None
    known = getattr(registry, "_keras_attention", None)
    if known is None:
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        by_outcome = (*_LABELS, "outcome")
        seconds, texts = "Time of a request in seconds", "Texts in a request"
        known = (
            counter(f"{_NAME}_requests", "Requests by outcome, each retry included", by_outcome),
            histogram(f"{_NAME}_request_seconds", seconds, _LABELS, buckets=_SECONDS),
            histogram(f"{_NAME}_request_texts", texts, _LABELS, buckets=_TEXTS),
            counter(f"{_NAME}_refused_texts", "Texts that the model refused", _LABELS),
        )
        registry._keras_attention = known
    return known
