"""A client of TensorFlow Serving that sends several requests at a time and keeps their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, NoReturn, TypeAlias, TypeVar, overload

import numpy as np

from keras_attention.distribution import install_command
from keras_attention.errors import InputError, TextError, check_positive, check_texts
from keras_attention.serving.failures import Retries, ServingError
from keras_attention.serving.metrics import MeasuredTransport
from keras_attention.serving.transport import Address, Arrays, Call, ServedModel, Transport
from keras_attention.text.padded_batches import batch_by_tokens
from keras_attention.translation.processes import refuse_pickling
from keras_attention.translation.result import PairScore, StreamedToken, Translation
from keras_attention.translation.searches.streaming import check_streamed
from keras_attention.translation.signature_answers import (
    OUTPUTS,
    STREAM,
    STREAM_OUTPUTS,
    beam_inputs,
    check_search,
    count_characters,
    encode_texts,
    in_order,
    read_answer,
    read_part,
    read_scores,
    stream_parts,
    until_refused,
)

CHARACTERS = 65_536
"""Largest number of characters in a request, counting each text as long as the longest one."""

_CLOSED = "the client is closed."

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_Run: TypeAlias = Callable[..., list[Answer | TextError]]
"""A function that sends a batch. If an item is rejected, its error is the last answer."""


class ServingClient:
    """A client of a model on TensorFlow Serving, with the methods of a `Translator`.

    A request has up to `batch_size` texts, or fewer if they are long. The answers are in the order
    of the texts. Threads may share a client. REST needs no other package; gRPC needs
    `pip install 'keras-attention-seq2seq[serving]'`.

    Args:
        server: `host:port` for gRPC, or a URL with the scheme grpc, grpcs (gRPC over TLS), http or
            https.
        model: the name under which the model is served.
        version: number of a version. Default: the newest version that is loaded.
        label: label of a version, such as "canary", instead of its number.
        deadline: time limit of a request in seconds, all retries included.
        retries: number of retries of a request after a temporary failure, or a `Retries`.
        batch_size: largest number of texts in a request; at most the server's `max_batch_size`.
        parallel: largest number of requests in progress at the same time, over all threads.
        alignments: whether to fetch alignments. Without them all weights are 0; over gRPC the
            answers are smaller, but the server does not merge the requests with others.
        credentials: credentials for TLS instead of the system's certificates: gRPC's channel
            credentials, or an `ssl.SSLContext` for https.
        metrics: a `prometheus_client.CollectorRegistry`, such as `prometheus_client.REGISTRY`, in
            which requests are counted and timed; see `keras_attention.serving.metrics`. Default:
            none.

    Raises:
        InputError: if the server's address is invalid, or packages of gRPC or of `metrics` are
            missing.
        ValueError: if another argument is out of its range.

    Example:
        with ServingClient("localhost:8500", "dates") as client:
            client("march 27, 2016").text
            client(["march 27, 2016", "9/27/94"], beam_width=4, length_penalty=1.0, nbest=2)
    """

    def __init__(
        self,
        server: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        deadline: float = 30.0,
        retries: int | Retries = 3,
        batch_size: int = 64,
        parallel: int = 4,
        alignments: bool = True,
        credentials: Any = None,
        metrics: Any = None,
    ) -> None:
        self.retries = Retries(retries) if isinstance(retries, int) else retries
        _check_arguments(self.retries.count, deadline, batch_size, parallel, version, label)
        self.deadline, self.batch_size, self.parallel = deadline, batch_size, parallel
        self.alignments = alignments
        self._address = Address.parse(server)
        self._model = ServedModel(model, version, label)
        self._transport = _open(self._address, self._model, credentials)
        if metrics is not None:
            self._transport = MeasuredTransport(self._transport, self._model, metrics)
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="serving-client")

    def __reduce__(self) -> NoReturn:
        """Raise an error, because a connection cannot be pickled.

        Raises:
            TypeError: always.
        """
        refuse_pickling("a ServingClient")

    @overload
    def __call__(self, texts: str, **options: Any) -> Translation: ...
    @overload
    def __call__(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...
    def __call__(self, texts: Any, **options: Any) -> Any:
        """Translate one text or many.

        Args:
            texts: a string, or an iterable of strings.
            **options: options of `stream`.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.
        """
        found = list(self.stream([texts] if isinstance(texts, str) else texts, **options))
        return found[0] if isinstance(texts, str) else found

    @overload
    def stream(self, texts: str, **options: Any) -> Iterator[StreamedToken]: ...
    @overload
    def stream(self, texts: Iterable[str], **options: Any) -> Iterator[Translation]: ...
    def stream(self, texts: Any, *, nbest: int = 1, **search: Any) -> Any:
        """Translate `texts` in order, or one text token by token.

        For an iterable, request at most a few batches in advance. The server searches with the
        settings of the exported model, or, if an option is given, with the signature `beam`.

        A string is translated greedily with the signature `stream`. A request returns up to four
        tokens and the state of the search, and the next request contains this state. So the
        requests for one text may go to different servers. If you close the iterator, no more
        requests are sent. The deadline applies to each request.

        Args:
            texts: a string, or any iterable of strings.
            nbest: number of hypotheses for each source, at most `beam_width`.
            **search: fields of `ServedOptions`, `beam_width` and `length_penalty`, that replace
                the model's own values.

        Returns:
            For an iterable, an iterator of `Translation` objects; for a string, of `StreamedToken`
            objects with the text so far.

        Raises:
            OptionError: if an option is out of its range, or a string is given with a beam or with
                several hypotheses.
            TextError: if a text is too long or not valid Unicode. The translations of the texts
                before it are yielded first.
            ServingError: if the server does not answer, or its answer is invalid; for a string
                also if an older version exported the model.
            TypeError: if `texts` is not an iterable of strings, or an option is unknown.
        """
        if isinstance(texts, str):
            check_streamed(nbest=nbest, **check_search(nbest, **search))
            return self._stream_tokens(encode_texts([texts]))
        check_texts(texts)
        search = check_search(nbest, **search)
        inputs = beam_inputs(nbest, search) if search or nbest != 1 else {}
        batches = self._batches(texts, count_characters)
        return in_order(self._answers(batches, self._translate, inputs))

    def score(self, sources: Iterable[str], targets: Iterable[str]) -> list[PairScore]:
        """Score given targets by their log-probabilities, as `Translator.score` does.

        Raises:
            TextError: if a text is too long or not valid Unicode.
            ServingError: if the server does not answer, or its answer is invalid.
            ValueError: if there are not as many sources as targets.
            TypeError: if `sources` or `targets` is not an iterable of strings.
        """
        check_texts(sources, "sources")
        check_texts(targets, "targets")
        pairs = zip(sources, targets, strict=True)
        batches = self._batches(pairs, lambda pair: max(map(count_characters, pair)))
        return list(in_order(self._answers(batches, self._score)))

    def versions(self) -> dict[int, str]:
        """Return the state, such as "AVAILABLE", of each version of the model on the server.

        Raises:
            ServingError: if the server does not answer, or does not have the model.
        """
        return self._ask(self._transport.states, "versions")

    def close(self) -> None:
        """Cancel all requests and close the connection."""
        self._closing.set()
        self._transport.close()
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> ServingClient:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self.close()

    def _batches(
        self, items: Iterable[Item], length: Callable[[Item], int]
    ) -> Iterator[list[Item]]:
        return batch_by_tokens(items, length, rows=self.batch_size, tokens=CHARACTERS)

    def _answers(
        self, batches: Iterator[list[Item]], run: _Run[Answer], *arguments: Any
    ) -> Iterator[Answer | TextError]:
        waiting: deque[Future[list[Answer | TextError]]] = deque()
        try:
            for batch in batches:
                if self._closing.is_set():
                    raise ValueError(_CLOSED)
                waiting.append(self._pool.submit(until_refused, run, batch, *arguments))
                if len(waiting) > self.parallel:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except CancelledError:  # another thread closed the client
            raise ValueError(_CLOSED) from None
        finally:
            for future in waiting:
                future.cancel()

    def _translate(self, texts: list[str], search: dict[str, Any]) -> list[Translation | TextError]:
        each = {name: np.full(len(texts), value) for name, value in search.items()}
        names = tuple(name for name in OUTPUTS if self.alignments or name != "alignment")
        signature = "beam" if search else "serving_default"
        inputs = {"text": encode_texts(texts), **each}
        call = Call(signature, inputs, names, everything=self.alignments)
        found = self._read(call, lambda outputs: until_refused(read_answer, texts, outputs))
        for translation in found:
            if isinstance(translation, Translation) and not translation.hypotheses:
                raise ServingError(
                    f"{self._address}: {self._model} returned no translation of the text "
                    f"{translation.source[:40]!r} ({len(translation.source)} characters)."
                )
        return found

    def _stream_tokens(self, text: Any) -> Iterator[StreamedToken]:
        def ask(state: bytes) -> tuple[list[StreamedToken], bytes]:
            inputs = {"text": text, "state": np.array([state], object)}
            try:
                tokens, state = self._read(Call(STREAM, inputs, STREAM_OUTPUTS), read_part)
            except ServingError as error:
                if f'signature key "{STREAM}" not found' not in str(error):
                    raise
                raise ServingError(
                    f"{self._address}: {self._model}: to stream the tokens of a text, export the "
                    f"model again. Received: an export of an older version, without the signature "
                    f"`{STREAM}`."
                ) from error
            if state and not tokens:  # all later answers would be the same
                raise ServingError(
                    f"{self._address}: {self._model}, signature {STREAM}: expected new tokens or "
                    "an empty `state`. Received: a `state` without tokens."
                )
            return tokens, state

        yield from stream_parts(ask)  # sends the first request when the first token is read

    def _score(self, pairs: list[tuple[str, str]]) -> list[PairScore | TextError]:
        sources, targets = zip(*pairs, strict=True)
        inputs = {"source": encode_texts(sources), "target": encode_texts(targets)}
        call = Call("score", inputs, ("score", "tokens", "log_probabilities", "error"))
        return self._read(call, lambda outputs: until_refused(read_scores, pairs, outputs))

    def _read(self, call: Call, read: Callable[[Arrays], Answer]) -> Answer:
        def ask(seconds: float) -> Answer:
            outputs = self._transport.predict(call, seconds)
            if missing := [name for name in call.outputs if name not in outputs]:
                raise ServingError(
                    f"{self._address}: {self._model}, signature {call.signature}: expected the "
                    f"outputs {', '.join(call.outputs)}. Received: an answer without "
                    f"{', '.join(missing)}; check that keras-attention exported the model."
                )
            return read(outputs)

        if self._closing.is_set():
            raise ValueError(_CLOSED)
        return self._ask(ask, f"signature {call.signature}")

    def _ask(self, attempt: Callable[[float], Answer], what: str) -> Answer:
        try:
            return self.retries.run(attempt, self.deadline, self._closing.wait)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            if self._closing.is_set():
                raise ValueError(_CLOSED) from error
            raise ServingError(
                f"{self._address}: {self._model}, {what}: expected the answer of a model that "
                f"keras-attention exported. Received: an answer that cannot be read "
                f"({type(error).__name__})."
            ) from error


def _open(address: Address, model: ServedModel, credentials: Any) -> Transport:
    if address.protocol == "rest":
        from keras_attention.serving.rest_transport import RestTransport

        return RestTransport(address, model, credentials)
    try:
        from keras_attention.serving.grpc_transport import GrpcTransport
    except ImportError:
        raise InputError(
            f"gRPC requires more packages: run {install_command('serving')}, or use REST, such as "
            f"http://{address.host}:8501, which requires none."
        ) from None
    return GrpcTransport(address, model, credentials)


def _check_arguments(
    retries: int,
    deadline: float,
    batch_size: int,
    parallel: int,
    version: int | None,
    label: str | None,
) -> None:
    if retries < 0:
        raise ValueError(f"`retries` must not be negative. Received: retries={retries}.")
    if not 0 < deadline < threading.TIMEOUT_MAX:
        raise ValueError(
            f"`deadline` must be a positive number of seconds. Received: deadline={deadline}."
        )
    check_positive(batch_size=batch_size, parallel=parallel)
    if version is not None and label is not None:
        raise ValueError(
            "`version` and `label` must not both be given. "
            f"Received: version={version}, label={label!r}."
        )
