"""The client of TensorFlow Serving, with a test server for both protocols."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections import deque
from contextlib import ExitStack
from copy import copy
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
import tensorflow as tf
from loopback import (
    Merging,
    Served,
    balanced,
    changed,
    drop,
    over_grpc,
    over_rest,
    slow,
    unavailable,
)
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from variants import LONG, assert_same

from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.errors import InputError
from keras_attention.serving import ServingClient, ServingError
from keras_attention.serving.failures import Retries

LINES = ("march 27, 2016", "", "9/27/94", "monday, 1 january 1900", "é😀 한글", "x")
QUICK = Retries(3, first_pause=0.01, longest_pause=0.05)


@pytest.fixture(scope="module")
def served(trained):
    return Served(trained / "1")


@pytest.fixture(scope="module", params=["grpc", "rest"])
def server(request, served):
    with {"grpc": over_grpc, "rest": over_rest}[request.param](served) as address:
        yield address


@pytest.fixture
def connect(server, served):
    """Return a function that opens clients; close them afterwards."""
    clients = []

    def connect(address=server, model="dates", **arguments):
        clients.append(ServingClient(address, model, **{"retries": QUICK, **arguments}))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
    served.faults.clear()


@pytest.fixture
def nobody():
    """Return the address of a port on which no server listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_the_client_returns_the_translators_translations(connect, translator):
    texts = [*LINES, LONG] * 3
    expected = translator(texts)
    assert_same(connect()(texts), expected)
    assert_same(connect(batch_size=1)(texts), expected)
    assert_same([connect()(LINES[0])], expected[:1])
    assert connect()([]) == []


def test_large_inputs_are_split_and_stay_in_order(connect, served, translator):
    texts = [f"{day} march {1900 + day}" for day in range(1, 151)]
    served.calls.clear()
    assert_same(connect(batch_size=16)(texts), translator(texts))
    assert sorted(rows for _, rows in served.calls) == [6] + [16] * 9


def test_alignments_can_be_left_out(connect, translator):
    found = connect(alignments=False)(LINES)
    assert [each.text for each in found] == [each.text for each in translator(LINES)]
    if not connect().alignments:
        assert not any(each.alignment.any() for each in found)


def test_a_client_can_select_a_version_or_a_label(connect):
    assert connect().versions() == {1: "AVAILABLE"}
    assert connect(version=1)("x").text == connect(label="stable")("x").text
    with pytest.raises(ServingError, match="model 'dates', version 2 failed with.*Servable not"):
        connect(version=2)("x")
    with pytest.raises(ServingError, match="model 'dates', label 'canary' failed with"):
        connect(label="canary")("x")


def test_a_request_to_a_busy_server_is_retried(connect, served, translator):
    served.faults += [unavailable, drop, unavailable]
    assert_same(connect()(LINES), translator(LINES))
    served.faults += [unavailable] * 4
    with pytest.raises(ServingError, match="queue is full; tried 4 times.$"):
        connect()("x")


def test_a_slow_answer_exceeds_the_deadline(connect, served):
    served.faults.append(slow(5))
    start = time.monotonic()
    with pytest.raises(ServingError, match="no answer within the deadline.$"):
        connect(deadline=0.3)("x")
    assert time.monotonic() - start < 3


def test_retries_do_not_extend_the_deadline(connect, served):
    served.faults += [unavailable] * 99
    start = time.monotonic()
    with pytest.raises(ServingError, match="(queue is full|within the deadline); tried"):
        connect(deadline=0.5, retries=Retries(99, first_pause=0.1))("x")
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"score": None, "tokens": None}, "an answer without score, tokens"),
        ({"score": np.zeros(3, "float32")}, "an answer that cannot"),
        ({"score": np.array([b"high"], object)}, "an answer that cannot"),
        ({"text": np.zeros([1], "float32")}, "an answer that cannot"),
    ],
    ids=["missing", "more rows", "a string", "a number"],
)
def test_answers_with_missing_or_invalid_outputs_are_refused(connect, served, changes, words):
    served.faults.append(changed(**changes))
    with pytest.raises(ServingError, match=words):
        connect()("x")


def test_unknown_models_and_signatures_are_reported(connect, served):
    with pytest.raises(ServingError, match="model 'other' failed with.*Servable not found"):
        connect(model="other")("x")
    with pytest.raises(ServingError, match="model 'other' failed with.*not find any versions"):
        connect(model="other").versions()


def test_an_unreachable_server_is_reported(connect, server, nobody):
    address = f"http://{nobody}" if server.startswith("http") else nobody
    with pytest.raises(ServingError, match=f"^{nobody}: cannot be reached.*tried 4 times.$"):
        connect(address)("x")


def test_a_server_of_another_protocol_is_reported(connect, server):
    """The server sends a greeting of another protocol and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def greet():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=greet, daemon=True).start()
        client = connect(f"http://{address}" if server.startswith("http") else address)
        with pytest.raises(ServingError, match=f"^{address}: "):
            client("x")
        listener.shutdown(socket.SHUT_RDWR)


def test_an_answer_that_arrives_slowly_exceeds_the_deadline(connect, served):
    """The answer arrives one byte at a time, so a time limit for a single read does not end it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                try:
                    for _ in range(200):
                        connection.sendall(b"{")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=0.5)
        start = time.monotonic()
        with pytest.raises(ServingError, match="no answer within the deadline.$"):
            client("x")
        assert time.monotonic() - start < 5
        thread.join(10)


def test_a_client_reconnects_to_a_restarted_server(served, translator, nobody):
    port = int(nobody.rpartition(":")[2])
    found = []
    client = ServingClient(nobody, "dates", retries=Retries(50, longest_pause=0.2), deadline=20)

    def ask():
        found.extend(client(LINES))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    time.sleep(0.5)
    with over_grpc(served, port=port):
        thread.join(20)
        client.close()
    assert_same(found, translator(LINES))


def test_closing_a_client_ends_its_requests(connect, served):
    served.faults.append(slow(3))
    client = connect(retries=0)
    threading.Timer(0.3, client.close).start()
    start = time.monotonic()
    with pytest.raises((ServingError, ValueError)):
        client("x")
    assert time.monotonic() - start < 2.5


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    files = ["-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), names, *files], check=True, capture_output=True)
    return key, certificate


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
class TestThroughTls:
    def test_over_grpc(self, served, certificate, translator):
        key, chain = (path.read_bytes() for path in certificate)
        trusted = grpc.ssl_channel_credentials(chain)
        with over_grpc(served, credentials=grpc.ssl_server_credentials([(key, chain)])) as address:
            with ServingClient(f"grpcs://{address}", "dates", credentials=trusted) as client:
                assert_same(client(LINES), translator(LINES))
            with ServingClient(f"grpcs://{address}", "dates", retries=0) as client:
                with pytest.raises(ServingError, match="cannot be reached"):
                    client("x")

    def test_over_rest(self, served, certificate, translator):
        key, chain = certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        trusted = ssl.create_default_context(cafile=chain)
        with over_rest(served, context=context) as address:
            with ServingClient(address, "dates", credentials=trusted) as client:
                assert_same(client(LINES), translator(LINES))
            with ServingClient(address, "dates") as client:
                with pytest.raises(ServingError, match="cannot be reached.*certificate"):
                    client("x")


def test_rest_requests_of_other_programs_are_answered(served, translator):
    with over_rest(served) as address:
        body = json.dumps({"instances": list(LINES)}).encode()
        with urllib.request.urlopen(f"{address}/v1/models/dates:predict", body, 10) as answer:
            rows = json.loads(answer.read())["predictions"]
    assert [row["text"] for row in rows] == [each.text for each in translator(LINES)]


class TestStream:
    """Check the tokens that a client streams with the signature `stream`."""

    def test_the_tokens_are_those_of_the_greedy_translation(self, connect, translator):
        client = connect()
        for text, whole in zip(LINES, translator(LINES, beam_width=1), strict=True):
            steps = list(client.stream(text))
            assert [step.token for step in steps] == [t for t in whole.tokens if t != "</s>"]
            assert [step.text for step in steps][-1:] == [whole.text] * bool(steps)
            for step, weights in zip(steps, whole.alignment, strict=False):
                np.testing.assert_allclose(step.alignment, weights, atol=1e-4)

    def test_a_text_or_an_option_that_cannot_be_used_is_refused(self, connect):
        with pytest.raises(InputError, match="^text 1: expected at most 1024 tokens"):
            next(connect().stream("9" * 2000))
        with pytest.raises(InputError, match="`beam_width` must be 1 to stream the tokens"):
            connect().stream("x", beam_width=2)

    def test_a_request_for_more_tokens_is_retried_and_has_a_deadline(self, connect, served):
        expected = [step.text for step in connect().stream(LINES[0])]
        served.faults += [None, unavailable, drop]
        assert [step.text for step in connect().stream(LINES[0])] == expected
        served.faults += [None, slow(3)]
        steps = connect(deadline=1.0, retries=0).stream(LINES[0])
        with pytest.raises(ServingError, match="no answer within the deadline"):
            list(steps)

    def test_closing_the_iterator_or_the_client_ends_the_requests(self, connect, served):
        client, served.calls[:] = connect(), []
        steps = client.stream(LINES[0])
        next(steps)
        steps.close()
        assert served.calls == [("stream", 1)]
        steps = client.stream(LINES[0])
        next(steps)
        client.close()
        with pytest.raises(ValueError, match="the client is closed"):
            list(steps)

    @pytest.mark.parametrize(
        "change", [{"state": None}, {"state": np.zeros(1)}, {"text": np.zeros(1, "float32")}]
    )
    def test_an_invalid_answer_is_refused(self, connect, served, change):
        served.faults.append(changed(**change))
        with pytest.raises(ServingError, match="Received: an answer (without state|that cannot)"):
            list(connect().stream("x"))

    def test_a_model_of_an_older_version_must_be_exported_again(self, connect, served, monkeypatch):
        older = {**served.model.signatures}
        del older["stream"]
        monkeypatch.setattr(served, "model", SimpleNamespace(signatures=older))
        with pytest.raises(ServingError, match="'dates': to stream .*, export the model again"):
            list(connect().stream("x"))

    def test_translate_prints_the_parts_of_lines(self, run, server, translator):
        arguments = ("--server", server, "--stream")
        lines = "".join(f"{line}\n" for line in LINES).encode()
        found = run("translate", "dates", *arguments, stdin=lines)
        texts = [each.text for each in translator(LINES, beam_width=1)]
        assert found == (0, "".join(f"{text}\n" for text in texts), "")
        for option in ("--beam=3", "--max-tokens=3", "--top-k=3", "--feature=a=b"):
            refused = run("translate", "dates", *arguments, option, stdin=b"x\n")
            assert (refused.code, refused.out) == (2, "")
            assert option.partition("=")[0] in refused.err and refused.err.count("\n") == 1


class TestOtherSignatures:
    """Tests of beams and scores, through the signatures `beam` and `score`."""

    TEXTS = [line for line in LINES if line]

    @pytest.mark.parametrize("width", [1, 3])
    def test_beams_equal_the_translators(self, connect, translator, width):
        search = {"beam_width": width, "length_penalty": 0.6}
        found = connect(batch_size=3)(self.TEXTS, **search, nbest=width)
        expected = translator(self.TEXTS, **search)
        assert_same(found, expected)
        for one, other in zip(found, expected, strict=True):
            assert [each.text for each in one.hypotheses] == [
                each.text for each in other.hypotheses
            ]

    def test_nbest_limits_the_hypotheses(self, connect):
        (found,) = connect()(self.TEXTS[:1], beam_width=4, length_penalty=1.0, nbest=2)
        assert len(found.hypotheses) == 2

    def test_an_empty_source_has_one_hypothesis(self, connect):
        (found,) = connect()([""], beam_width=3, length_penalty=1.0, nbest=3)
        assert [(each.text, each.score) for each in found.hypotheses] == [("", 0.0)]

    def test_scores_equal_the_translators(self, connect, translator):
        targets = ["2016-03-27", "1994-09-27", "x", "", "2016"]
        expected = translator.score(self.TEXTS, targets)
        for pair, other in zip(connect().score(self.TEXTS, targets), expected, strict=True):
            assert (pair.source, pair.target) == (other.source, other.target)
            assert pair.tokens == other.tokens
            np.testing.assert_allclose(pair.log_probabilities, other.log_probabilities, atol=1e-4)
        with pytest.raises(ValueError):
            connect().score(["a"], [])

    def test_errors_of_the_server_are_raised(self, connect):
        with pytest.raises(
            InputError, match="^text 1: beam_width: expected 1 to 16, or 0[.] Received: 9999[.]$"
        ):
            connect()("x", beam_width=9_999, length_penalty=1.0)

    def test_requests_with_different_search_options_can_be_merged(self, served, translator):
        merging, found = Merging(served, longest_wait=0.2), {}
        searches = [(width, penalty) for width in (1, 2, 5) for penalty in (0.0, 1.0)]

        def ask(width, penalty):
            options = {"beam_width": width, "length_penalty": penalty, "nbest": width}
            found[width, penalty] = client(self.TEXTS, **options)

        with over_grpc(merging) as address:
            with ServingClient(address, "dates", parallel=8) as client:
                threads = [threading.Thread(target=ask, args=search) for search in searches]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(60)
        merging.close()
        assert len(merging.merged) < len(searches)
        for width, penalty in searches:
            expected = translator(self.TEXTS, beam_width=width, length_penalty=penalty)
            assert_same(found[width, penalty], expected)
            assert {len(each.hypotheses) for each in found[width, penalty]} == {width}


class TestUnderLoad:
    """Tests with 16 threads of 25 requests each: no answer is lost, swapped or late."""

    THREADS, REQUESTS = 16, 25

    def run(self, ask, translator):
        texts = [
            [
                [f"{name} march {1900 + n + i}" for i in range(n % 4 + 1)]
                for n in range(self.REQUESTS)
            ]
            for name in range(self.THREADS)
        ]
        flat = [text for requests in texts for request in requests for text in request]
        expected = dict(zip(flat, translator(flat), strict=True))
        found = [[] for _ in texts]

        def work(name):
            for request in texts[name]:
                found[name].append(ask(request))

        threads = [
            threading.Thread(target=work, args=[name], daemon=True) for name in range(len(texts))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads)
        for requests, answers in zip(texts, found, strict=True):
            assert len(answers) == self.REQUESTS
            for request, answer in zip(requests, answers, strict=True):
                assert_same(answer, [expected[text] for text in request])

    def test_threads_can_share_one_client(self, connect, served, translator):
        served.faults += [None, unavailable, drop] * 20
        self.run(connect(parallel=8, retries=Retries(9, first_pause=0.01)), translator)

    @pytest.mark.parametrize("protocol", [over_grpc, over_rest])
    def test_a_server_may_merge_requests(self, served, translator, protocol):
        merging = Merging(served)
        with protocol(merging, threads=self.THREADS) as address:
            with ServingClient(address, "dates", parallel=self.THREADS) as client:
                self.run(client, translator)
        merging.close()
        assert sum(merging.merged) == self.THREADS * self.REQUESTS
        assert max(merging.merged) > 4


@pytest.mark.parametrize("waits", [True, False], ids=["after the deadline", "at once"])
def test_a_replica_is_stopped_without_failed_requests_after_the_deadline(waits, served, translator):
    """A balancer stops using the first of two replicas, and then the replica is stopped."""
    deadline, ended, answers, failures = 3.0, threading.Event(), [], []
    served.predict("dates", None, "", "serving_default", {"text": [LINES[0]]})  # traces the graph
    first, second = (copy(served) for _ in range(2))
    for replica in (first, second):
        replica.faults, replica.calls = deque([slow(0.2)] * 9999), []

    def ask(client):
        while not ended.is_set():
            try:
                answers.append(client(LINES[0]).text)
            except ServingError as error:
                failures.append(error)

    with over_grpc(second) as other, ExitStack() as stack:
        addresses = stack.enter_context(over_grpc(first)), other
        with (
            balanced(addresses) as (address, balancer),
            ServingClient(address, "dates", deadline=deadline, retries=0) as client,
        ):
            threads = [threading.Thread(target=ask, args=[client]) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            balancer.replicas = [other]
            time.sleep(deadline * waits)
            stack.close()  # ends the requests that the first replica is answering
            answered, later = len(first.calls), len(second.calls)
            time.sleep(0.5)
            ended.set()
            for thread in threads:
                thread.join(60)
    assert answered and len(first.calls) == answered and len(second.calls) > later
    assert bool(failures) != waits, failures
    assert {*answers} == {translator(LINES[0]).text}


def test_warm_up_requests_are_answered(served, trained):
    path = trained / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    requests = [PredictionLog.FromString(log).predict_log.request for log in logs]
    assert len(requests) == 3
    for request in requests:
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        spec = request.model_spec
        outputs = served.predict(spec.name, None, "", spec.signature_name, inputs)
        assert len(outputs["text"]) == len(inputs["text"])


def test_export_writes_the_servers_files(run, trained, tmp_path, monkeypatch):
    folder = tmp_path / "dates"
    shutil.copytree(trained, folder)
    saved = folder / "1"
    monkeypatch.setattr("keras_attention.cli.exports.export_all", lambda *_, **__: [saved])
    found = run("export", folder, "--serving")
    assert found.code == 0, found.err
    names = ["models.config", "batching_parameters.txt", "docker-compose.yml"]
    written = [saved, *(folder / "serving" / name for name in names)]
    assert found.out.startswith("".join(f"Wrote {path}\n" for path in written))
    assert "  TensorFlow, " in found.out


def test_an_invalid_address_is_refused():
    with pytest.raises(InputError, match="must be host:port"):
        ServingClient("localhost", "dates")


class TestCommand:
    LINES = "".join(f"{line}\n" for line in LINES).encode()

    @pytest.mark.parametrize("options", [[], ["--scores"], ["--alignments"]], ids=str)
    def test_translate_prints_lines(self, run, connect, server, trained, options):
        found = run("translate", trained, "--server", server, *options, stdin=self.LINES)
        links = (lambda _, found: found.links()) if "--alignments" in options else None
        columns = Columns(scores="--scores" in options, links=links)
        lines = [line for each in connect()(LINES) for line in columns.lines(each, 0)]
        assert (found.code, found.out) == (0, "".join(f"{line}\n" for line in lines))
        note = "such as 'é' (standard input, line 5). Lines with such tokens: 2 of 6; their transl"
        assert note in found.err  # the tokenizers in the model's folder show which are unknown

    def test_translate_marks_outputs(self, run, connect, server):
        arguments = ("--server", server, "--min-confidence", "0.5")
        found = run("translate", "dates", *arguments, stdin=self.LINES)
        columns = Columns(minimum=MinimumConfidence(0.5))
        lines = [line for each in connect()(LINES) for line in columns.lines(each, 0)]
        assert (found.code, found.out) == (0, "".join(f"{line}\n" for line in lines))
        note, count = found.err.splitlines()
        assert note.startswith("note: dates: a server does not report the model's temperature")
        assert count == f"lines below a confidence of 0.5: {found.out.count('check')}"

    def test_translate_prints_json(self, run, connect, server):
        found = run("translate", "dates/1", "--server", server, "--json", stdin=self.LINES)
        assert found.code == 0
        lines = [json.loads(line) for line in found.out.splitlines()]
        assert lines == [each.to_json() for each in connect()(LINES)]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["other", "--server", "{server}"], "model 'other' failed with"),
            (["dates/7", "--server", "{server}"], "model 'dates', version 7 failed with"),
            (["dates", "--server", "{nobody}"], "cannot be reached"),
            (["dates", "--server", "localhost"], "must be host:port"),
            (["dates", "--server", "{server}", "--top-k", "3"], "Received: --top-k"),
            (["dates", "--server", "{server}", "--deadline", "0"], "deadline"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_errors_are_one_sentence(self, run, server, nobody, arguments, words):
        filled = [each.format(server=server, nobody=nobody) for each in arguments]
        found = run("translate", *filled, stdin=b"x\n")
        assert (found.code, found.out) == (2, "")
        assert found.err.startswith("error: ")
        assert found.err.count("\n") == 1
        assert words in found.err
