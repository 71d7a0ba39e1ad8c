"""The transport over gRPC, with TensorFlow Serving's stubs, which must be installed."""

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

_TEMPORARY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
_OPTIONS = (
    # Alignments may exceed gRPC's default limit of 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # By default gRPC waits at least a second before it reconnects, whatever our own pauses are.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class GrpcTransport:
    """A gRPC channel to a server.

    Args:
        address: the server's address.
        model: the model to call.
        credentials: gRPC's channel credentials for the scheme grpcs. Default: the certificates of
            the system.
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
        """Return the outputs of a signature.

        If a request names its outputs, TensorFlow Serving does not merge it with other requests.
        So the outputs are named only if some of them are not needed.
        """
        request = PredictRequest(model_spec=self._spec(call.signature))
        for name, array in call.inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        if not call.everything:
            request.output_filter.extend(call.outputs)
        outputs = self._ask(self._predict, request, seconds).outputs
        return {name: tf.make_ndarray(outputs[name]) for name in call.outputs if name in outputs}

    def states(self, seconds: float) -> dict[int, str]:
        """Return the state of each version, such as "AVAILABLE"."""
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
            return ServingError(f"{self._address}: cannot be reached: {reason}.", temporary=True)
        return ServingError(
            f"{self._address}: {self._model} failed with {code.name}: {reason}.",
            temporary=code in _TEMPORARY,
        )
