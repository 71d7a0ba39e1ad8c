"""The way over gRPC, by TensorFlow Serving's own stubs; imported where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from keras_attention.serving.failures import ServingError, in_a_line
from keras_attention.serving.transport import Address, Arrays, Call, ServedModel

_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
_OPTIONS = (
    # Alignments may be larger than gRPC's own limit of 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Otherwise a second passes before a lost server is looked for again, whatever our own pauses.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class GrpcTransport:
    """A channel to a server.

    Args:
        address: where it listens.
        model: which model is asked.
        credentials: gRPC's channel credentials, for an address of grpcs; default the system's.
    """

    def __init__(self, address: Address, model: ServedModel, credentials: Any = None) -> None:
        self._address, self._model = address, model
        if address.secure:
            trusted = credentials or grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(str(address), trusted, options=_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(str(address), options=_OPTIONS)
        self._predict = PredictionServiceStub(self._channel).Predict
        self._states = ModelServiceStub(self._channel).GetModelStatus

    def predict(self, call: Call, seconds: float) -> Arrays:
        """The outputs of a signature.

        A request that names its outputs is not merged with others by TensorFlow Serving, hence
        only one that leaves some out does.
        """
        request = PredictRequest(model_spec=self._spec(call.signature))
        for name, array in call.inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        if not call.everything:
            request.output_filter.extend(call.outputs)
        outputs = self._ask(self._predict, request, seconds).outputs
        return {name: tf.make_ndarray(outputs[name]) for name in call.outputs if name in outputs}

    def states(self, seconds: float) -> dict[int, str]:
        """The state of each version, such as "AVAILABLE"."""
        answer = self._ask(self._states, GetModelStatusRequest(model_spec=self._spec()), seconds)
        name = ModelVersionStatus.State.Name
        return {status.version: name(status.state) for status in answer.model_version_status}

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _spec(self, signature: str = "") -> Any:
        spec = ModelSpec(name=self._model.name, signature_name=signature)
        if self._model.version is not None:
            spec.version.value = self._model.version
        if self._model.label is not None:
            spec.version_label = self._model.label
        return spec

    def _ask(self, method: Callable[..., Any], request: Any, seconds: float) -> Any:
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            raise self._failure(error) from error

    def _failure(self, error: Any) -> ServingError:
        code, reason = error.code(), in_a_line(error.details())
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServingError(f"{self._address}: no answer within the deadline.")
        if code == grpc.StatusCode.UNAVAILABLE:
            return ServingError(f"{self._address}: cannot be reached, {reason}.", passing=True)
        return ServingError(
            f"{self._address}: {self._model} cannot answer, {code.name}: {reason}.",
            passing=code in _PASSING,
        )
