"""Test servers for an exported SavedModel, with TensorFlow Serving's two protocols, on loopback.

They use free ports and few threads. The tests choose which requests fail.
"""

import itertools
import json
import queue
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

NAME = "dates"
LABELS = {"stable": 1}
HTTP = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429}


class Refusal(Exception):
    """An error that a server returns instead of an answer."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Drop(Exception):
    """An error that closes the connection without an answer."""


class Task(NamedTuple):
    signature: str
    inputs: dict
    answer: Future


class Served:
    """The SavedModel in a version folder; it answers one request at a time.

    Each request takes the next item of `faults`. If this is None, the reply is normal. If it is a
    function `fault`, the reply is `fault(answer)`, where `answer()` computes the normal reply.
    """

    def __init__(self, folder):
        self.model = tf.saved_model.load(str(folder))
        self.faults = deque()
        self.calls = []

    def predict(self, name, version, label, signature, inputs):
        if name != NAME or version not in (None, 1) or (label and label not in LABELS):
            raise Refusal("NOT_FOUND", f"Servable not found for request: Latest({name})")
        graph = self.model.signatures.get(signature)
        if graph is None:
            raise Refusal("INVALID_ARGUMENT", f'Serving signature key "{signature}" not found.')
        specs = graph.structured_input_signature[1]
        if set(specs) != set(inputs):
            raise Refusal("INVALID_ARGUMENT", f"input must be {sorted(specs)}.")
        tensors = {key: tf.constant(inputs[key], spec.dtype) for key, spec in specs.items()}
        self.calls.append((signature, len(next(iter(inputs.values())))))
        fault = self.faults.popleft() if self.faults else None
        return (
            fault(lambda: self._run(signature, tensors)) if fault else self._run(signature, tensors)
        )

    def _run(self, signature, tensors):
        try:
            outputs = self.model.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise Refusal("INVALID_ARGUMENT", error.message) from None
        return {key: tensor.numpy() for key, tensor in outputs.items()}


class Merging(Served):
    """A server that merges waiting requests, like TensorFlow Serving with batching enabled.

    A merged batch is padded to 4, 16, 64, ... rows with copies of the last request's first row.
    """

    def __init__(self, served, longest_wait=0.01):
        self.model, self.faults, self.calls = served.model, deque(), []
        self.merged = []
        self._wait = longest_wait
        self._tasks = queue.Queue()
        threading.Thread(target=self._serve, daemon=True).start()

    def _run(self, signature, tensors):
        task = Task(signature, tensors, Future())
        self._tasks.put(task)
        return task.answer.result(timeout=60)

    def close(self):
        self._tasks.put(None)

    def _serve(self):
        while (first := self._tasks.get()) is not None:
            time.sleep(self._wait)
            tasks = [first]
            while not self._tasks.empty() and len(tasks) < 16:
                tasks.append(self._tasks.get())
            alike = {}
            for task in tasks:
                if task is None:
                    self._tasks.put(None)
                else:
                    alike.setdefault(task.signature, []).append(task)
            for signature, group in alike.items():
                self._answer(signature, group)

    def _answer(self, signature, tasks):
        self.merged.append(len(tasks))
        try:
            names = tasks[0].inputs
            merged = {name: tf.concat([task.inputs[name] for task in tasks], 0) for name in names}
            rows = len(next(iter(merged.values())))
            missing = next(4**power for power in range(1, 9) if 4**power >= rows) - rows
            padding = {name: tf.repeat(tasks[-1].inputs[name][:1], missing, 0) for name in names}
            padded = {name: tf.concat([merged[name], padding[name]], 0) for name in names}
            outputs = super()._run(signature, padded)
        except Exception as error:
            for task in tasks:
                task.answer.set_exception(error)
            return
        start = 0
        for task in tasks:
            end = start + len(next(iter(task.inputs.values())))
            task.answer.set_result({name: out[start:end] for name, out in outputs.items()})
            start = end


def unavailable(answer):
    raise Refusal("UNAVAILABLE", "The batch scheduling queue is full")


def drop(answer):
    raise Drop


def slow(seconds):
    def fault(answer):
        time.sleep(seconds)
        return answer()

    return fault


def changed(**changes):
    """Return a fault that replaces outputs, or removes those that are None."""

    def fault(answer):
        outputs = {**answer(), **changes}
        return {name: output for name, output in outputs.items() if output is not None}

    return fault


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, served):
        self.served = served

    def Predict(self, request, context):
        spec = request.model_spec
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        version = spec.version.value if spec.HasField("version") else None
        signature = spec.signature_name or "serving_default"
        try:
            outputs = self.served.predict(spec.name, version, spec.version_label, signature, inputs)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], str(refusal))
        except Drop:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        response = predict_pb2.PredictResponse()
        for name in request.output_filter or outputs:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def GetModelStatus(self, request, context):
        if request.model_spec.name != NAME:
            context.abort(grpc.StatusCode.NOT_FOUND, "Could not find any versions of the model")
        answer = get_model_status_pb2.GetModelStatusResponse()
        answer.model_version_status.add(version=1, state=30)
        return answer


class Handler(BaseHTTPRequestHandler):
    """Answer REST requests, which have inputs in rows or in columns.

    The path is `/v1/models/NAME[/versions/N|/labels/LABEL][:predict]`.
    """

    timeout = 10

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path != f"/v1/models/{NAME}":
            return self._reply(404, {"error": f"Could not find any versions of {self.path}"})
        status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK"}}
        return self._reply(200, {"model_version_status": [status]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version, label = self._spec()
        rows = "instances" in body
        inputs = _columns(body["instances"]) if rows else body["inputs"]
        signature = body.get("signature_name", "serving_default")
        try:
            outputs = self.server.served.predict(name, version, label, signature, inputs)
        except Refusal as refusal:
            return self._reply(HTTP[refusal.code], {"error": str(refusal)})
        except Drop:
            self.close_connection = True
            return None
        plain = {key: _plain(output) for key, output in outputs.items()}
        if not rows:
            return self._reply(200, {"outputs": plain})
        made = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
        return self._reply(200, {"predictions": made})

    def _spec(self):
        parts = self.path.removeprefix("/v1/models/").removesuffix(":predict").split("/")
        kinds = dict(zip(parts[1::2], parts[2::2], strict=True))
        version = int(kinds["versions"]) if "versions" in kinds else None
        return parts[0], version, kinds.get("labels", "")

    def _reply(self, status, answer):
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class BoundedHTTPServer(HTTPServer):
    """An HTTP server that answers on a pool of threads."""

    request_queue_size = 64

    def process_request(self, request, client_address):
        self.pool.submit(self._handle, request, client_address)

    def _handle(self, request, client_address):
        try:
            self.finish_request(request, client_address)
        except OSError:  # the client has closed the connection
            pass
        finally:
            self.shutdown_request(request)


def _columns(rows):
    if not isinstance(rows[0], dict):
        return {"text": rows}
    return {name: [row[name] for row in rows] for name in rows[0]}


def _plain(output):
    """Convert an output to nested lists, and decode strings."""
    if isinstance(output, np.ndarray) and output.dtype == object:
        output = np.frompyfunc(bytes.decode, 1, 1)(output)
    return np.asarray(output).tolist()


@contextmanager
def over_grpc(served, threads=8, port=0, credentials=None):
    """Yield the address of a gRPC server, which uses TLS if there are credentials."""
    server = grpc.server(ThreadPoolExecutor(threads))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(served), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(), server)
    address = f"127.0.0.1:{port}"
    if credentials:
        port = server.add_secure_port(address, credentials)
    else:
        port = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=0).wait(10)


class RoundRobin(grpc.GenericRpcHandler):
    """Forwards each request to the next replica, like a balancer that distributes requests.

    Attributes:
        replicas: the addresses of the replicas. A test may change them at any time.
    """

    def __init__(self, replicas):
        self.replicas = list(replicas)
        self._channels = {each: grpc.insecure_channel(each) for each in replicas}
        self._turns = itertools.count()

    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(partial(self._forward, call.method))

    def _forward(self, method, request, context):
        replicas = self.replicas
        channel = self._channels[replicas[next(self._turns) % len(replicas)]]
        try:
            return channel.unary_unary(method)(request, timeout=context.time_remaining())
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())

    def close(self):
        for channel in self._channels.values():
            channel.close()


@contextmanager
def balanced(replicas, threads=16):
    """Yield the address of a balancer over gRPC, and its `RoundRobin`."""
    handler, server = RoundRobin(replicas), grpc.server(ThreadPoolExecutor(threads))
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", handler
    finally:
        server.stop(grace=0).wait(10)
        handler.close()


@contextmanager
def over_rest(served, threads=8, context=None):
    """Yield the URL of a REST server, which uses TLS if there is an SSL context."""
    server = BoundedHTTPServer(("127.0.0.1", 0), Handler)
    server.pool = ThreadPoolExecutor(threads)
    server.served = served
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        server.pool.shutdown(cancel_futures=True)
        thread.join(10)
