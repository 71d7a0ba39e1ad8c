"""Tests of the client with a stub of a server; `tests/integration` runs it with a real server."""

import pickle
import threading
import time

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from keras_attention.errors import InputError, TextError
from keras_attention.serving import ServingClient, ServingError, client
from keras_attention.serving.failures import Retries


class Upper:
    """A server that returns each text in capitals; each request has its own delay."""

    def __init__(self, *_):
        self.calls, self.active, self.most = [], 0, 0
        self.lock = threading.Lock()
        self.errors = []
        self.seconds = lambda number: 0.0
        self.change = lambda outputs: outputs
        self.closed = False

    def predict(self, call, seconds):
        with self.lock:
            number = len(self.calls)
            self.calls.append(call)
            error = self.errors.pop() if self.errors else None
            self.active += 1
            self.most = max(self.most, self.active)
        time.sleep(self.seconds(number))
        with self.lock:
            self.active -= 1
        if error:
            raise error
        texts = call.inputs["text"]
        rows = len(texts)
        outputs = {
            "text": np.array([text.upper() for text in texts], object),
            "score": np.zeros(rows, "float32"),
            "tokens": np.full((rows, 2), b"</s>", object),
            "alignment": np.zeros((rows, 2, 1), "float32"),
            "source_tokens": np.full((rows, 1), b"</s>", object),
            "error": np.full(rows, b"", object),
            "state": np.full(rows, b"", object),
        }
        return self.change({name: outputs[name] for name in call.outputs})

    def states(self, seconds):
        return {1: "AVAILABLE"}

    def close(self):
        self.closed = True


@pytest.fixture
def server(monkeypatch):
    transport = Upper()
    monkeypatch.setattr(client, "_open", lambda *_: transport)
    return transport


def connect(**arguments):
    return ServingClient("localhost:8500", "dates", **arguments)


def texts_of(translations):
    return [translation.text for translation in translations]


def test_answers_are_in_the_order_of_the_texts(server):
    server.seconds = lambda number: 0.02 * (number % 3)
    texts = [f"t{number}" for number in range(100)]
    with connect(batch_size=7, parallel=5) as translate:
        assert texts_of(translate(texts)) == [text.upper() for text in texts]
        assert texts_of(translate(text for text in texts)) == [text.upper() for text in texts]
        assert translate("one").text == "ONE"
        assert translate([]) == []
    assert server.most == 5
    assert {len(call.inputs["text"]) for call in server.calls} == {7, 2, 1}
    assert server.closed


def test_the_client_reads_only_a_few_batches_of_texts_in_advance(server):
    read = []

    def texts():
        for number in range(1000):
            read.append(number)
            yield str(number)

    with connect(batch_size=10, parallel=2) as translate:
        stream = translate.stream(texts())
        next(stream)
        assert len(read) <= 50
        stream.close()


def test_requests_of_long_texts_are_smaller(server):
    half = "x" * (client.CHARACTERS // 2)
    with connect() as translate:
        found = translate(["a", half, half, 3 * half, "b", "c"])
    assert [len(call.inputs["text"]) for call in server.calls] == [2, 1, 1, 2]
    assert len(found) == 6


def test_threads_share_a_client(server):
    server.seconds = lambda number: 0.001 * (number % 4)
    found = {}

    def work(name):
        texts = [f"{name} {number}" for number in range(40)]
        found[name] = texts_of(translate(texts)) == [text.upper() for text in texts]

    with connect(batch_size=3, parallel=4) as translate:
        threads = [threading.Thread(target=work, args=[name]) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert found == dict.fromkeys(range(8), True)
    assert server.most <= 4


def test_temporary_failures_are_retried(server):
    server.errors = [ServingError("full.", temporary=True)] * 3
    with connect(retries=Retries(3, first_pause=0.001)) as translate:
        assert translate("a").text == "A"
        server.errors = [ServingError("full.", temporary=True)] * 4
        with pytest.raises(ServingError, match="^full; tried 4 times.$"):
            translate("a")


def test_an_error_ends_the_stream_and_cancels_waiting_requests(server):
    server.errors = [ServingError("no.")]
    with connect(batch_size=1, parallel=2) as translate:
        with pytest.raises(ServingError, match="^no.$"):
            translate([str(number) for number in range(100)])
        time.sleep(0.05)
        assert len(server.calls) <= 4
        assert translate("a").text == "A"


def test_a_rejected_text_is_reported_after_the_answers_before_it(server):
    def refuse(outputs):
        long = [len(text) > 4 for text in outputs["text"]]
        return {**outputs, "error": np.where(long, b"expected less.", b"").astype(object)}

    server.change = refuse
    texts = ["a", "b", "c", "d", "longer", "e"]
    for size in (1, 2, 3, 64):
        with connect(batch_size=size) as translate:
            stream = translate.stream(texts)
            assert [next(stream).text for _ in range(4)] == ["A", "B", "C", "D"]
            with pytest.raises(TextError, match=r"^text 5: expected less\.$"):
                next(stream)
            stream = translate.stream(["a", "b", "\ud800", "c"])
            assert [next(stream).text for _ in range(2)] == ["A", "B"]
            with pytest.raises(TextError, match="^text 3: expected valid Unicode text"):
                next(stream)


def test_invalid_texts_and_options_are_not_sent(server):
    with connect() as translate:
        for use in (
            lambda: translate([None, "a"]),
            lambda: translate([b"b", "a"]),
            lambda: translate(["a"], beam_width=2.5),
            lambda: translate(["a"], length_penalty=float("nan")),
        ):
            with pytest.raises(InputError, match="Received: "):
                use()
    assert server.calls == []


def test_a_client_cannot_be_pickled(server):
    with connect() as translate, pytest.raises(TypeError, match="^a ServingClient cannot be pick"):
        pickle.dumps(translate)


def test_search_options_are_sent_to_the_signature_beam(server):
    with connect() as translate:
        translate(["a", "b"], beam_width=4, length_penalty=0.5, nbest=2)
    (call,) = server.calls
    assert call.signature == "beam"
    assert {name: array.tolist() for name, array in call.inputs.items()} == {
        "text": [b"a", b"b"],
        "beam_width": [4, 4],
        "length_penalty": [0.5, 0.5],
        "nbest": [2, 2],
    }
    assert call.inputs["beam_width"].dtype == call.inputs["nbest"].dtype == "int32"
    assert call.inputs["length_penalty"].dtype == "float32"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"beam_width": 4}, (4, -1.0, 1)),
        ({"length_penalty": 1.0}, (0, 1.0, 1)),
        ({"nbest": 2}, (0, -1.0, 2)),
    ],
    ids=str,
)
def test_options_that_are_not_given_keep_the_models_own_values(server, options, sent):
    with connect() as translate:
        translate(["a"], **options)
    (call,) = server.calls
    assert call.signature == "beam"
    names = ("beam_width", "length_penalty", "nbest")
    assert tuple(call.inputs[name][0] for name in names) == sent


def test_alignments_are_not_requested_without_need(server):
    with connect(alignments=False) as translate:
        assert not translate("a").alignment.any()
    (call,) = server.calls
    assert "alignment" not in call.outputs
    assert not call.everything


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda outputs: {**outputs, "score": np.zeros(3)}, "an answer that cannot"),
        (lambda outputs: {**outputs, "tokens": np.zeros(2)}, "an answer that cannot"),
        (lambda outputs: {**outputs, "text": np.array([b"\xff"], object)}, "an answer that cannot"),
        (lambda outputs: {"text": outputs["text"]}, "without score, tokens, alignment"),
    ],
)
def test_an_answer_of_another_kind_of_model_is_an_error(server, change, words):
    server.change = change
    with connect() as translate, pytest.raises(ServingError, match=f"^localhost:8500:.*{words}"):
        translate("a")


def test_the_error_names_the_text_that_the_server_rejects(server):
    server.change = lambda outputs: {**outputs, "error": np.array([b"", b"too long."], object)}
    with connect() as translate, pytest.raises(InputError, match=r"^text 2: too long\.$"):
        translate(["a", "b"])


def test_a_text_without_an_answer_raises_an_error(server):
    server.change = lambda outputs: {**outputs, "score": np.array([0, np.nan], "float32")}
    with (
        connect() as translate,
        pytest.raises(ServingError, match="no translation of the text 'b' .1 char"),
    ):
        translate(["a", "b"])


def test_a_state_without_tokens_ends_the_stream(server):
    none = {name: np.full((1, 2), b"", object) for name in ("tokens", "text")}
    changed = {**none, "score": np.zeros((1, 2)), "state": np.array([b"AAAA"], object)}
    server.change = lambda outputs: {**outputs, **changed}
    with connect() as translate:
        steps = translate.stream("a")
        with pytest.raises(ServingError, match="Received: a `state` without tokens.$"):
            next(steps)
    assert len(server.calls) == 1


def test_a_lone_surrogate_is_rejected(server):
    with connect() as translate, pytest.raises(InputError, match="valid Unicode.*ud800"):
        translate(["a", "\ud800"])


def test_closing_the_client_ends_a_pause_before_a_retry(server):
    server.errors = [ServingError("full.", temporary=True)] * 9
    translate = connect(retries=Retries(5, first_pause=60), deadline=600)
    threading.Timer(0.1, translate.close).start()
    start = time.monotonic()
    with pytest.raises(ServingError, match="^full.$"):
        translate("a")
    assert time.monotonic() - start < 10
    with pytest.raises(ValueError, match="the client is closed"):
        translate("a")


def test_closing_the_client_ends_the_requests_that_wait(server):
    started, errors = threading.Event(), []

    def predict(call, seconds):
        started.set()
        while not server.closed:
            time.sleep(0.001)
        raise ServingError("closed.")

    def work(text):
        with pytest.raises(ValueError) as error:
            translate(text)
        errors.append(str(error.value))

    server.predict = predict
    translate = connect(parallel=1)
    threads = [threading.Thread(target=work, args=[text]) for text in ("a", "b")]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    while not translate._pool._work_queue.qsize():
        time.sleep(0.001)
    translate.close()
    for thread in threads:
        thread.join(10)
    assert sorted(errors) == ["closed.", "the client is closed."]


def test_the_client_lists_versions_with_their_states(server):
    with connect() as translate:
        assert translate.versions() == {1: "AVAILABLE"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"deadline": 0},
        {"deadline": float("nan")},
        {"retries": -1},
        {"batch_size": 0},
        {"parallel": 0},
        {"version": 1, "label": "stable"},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_rejected(server, arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}`.*Received"):
        connect(**arguments)


@pytest.mark.parametrize("texts", [None, 3, b"ab"])
def test_texts_that_are_not_a_sequence_of_strings_are_rejected(server, texts):
    with connect() as translate, pytest.raises(TypeError, match="`texts` must .*of type"):
        translate.stream(texts)
    with connect() as translate, pytest.raises(TypeError, match="must .*of type"):
        translate.score(texts, ["a", "b"])
    assert not server.calls


def test_metrics_count_requests_retries_batch_sizes_and_refused_texts(server):
    def refuse(outputs):
        errors = [b"too long"] + [b""] * (len(outputs["text"]) - 1)
        return {**outputs, "error": np.array(errors, object)}

    registry = CollectorRegistry()
    options = {"metrics": registry, "parallel": 1, "retries": Retries(1, first_pause=0)}
    with ServingClient("localhost:1", "months", batch_size=2, **options) as client:
        server.errors = [ServingError("busy.", temporary=True)]
        client(["a", "b", "c"])
        server.errors = [ServingError("gone.")]
        with pytest.raises(ServingError):
            client("a")
    with ServingClient("localhost:1", "months", **options) as client:
        server.change = refuse
        with pytest.raises(TextError):
            client(["a", "b"])

    def value(name, **labels):
        labels = {"model": "months", "signature": "serving_default", **labels}
        return registry.get_sample_value(f"keras_attention_{name}", labels)

    for outcome, count in {"ok": 3, "retryable": 1, "failed": 1}.items():
        assert value("requests_total", outcome=outcome) == count
    assert value("request_seconds_count") == value("request_texts_count") == 5
    assert value("request_texts_sum") == 2 + 2 + 1 + 1 + 2
    assert value("refused_texts_total") == 1
