import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from keras_attention.export.saved_model.warm_up import Request, typical_requests, write_warm_up
from keras_attention.text.tokenizers import CharacterTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary


def read(path):
    """Return the requests in a file, parsed by TensorFlow Serving's own classes."""
    logs = [
        PredictionLog.FromString(each)
        for each in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert all(log.WhichOneof("log_type") == "predict_log" for log in logs)
    return [log.predict_log.request for log in logs]


def test_tensorflow_serving_can_read_the_file(tmp_path):
    inputs = {"text": ["", "가" * 100], "width": np.array([4, 300], "int32")}
    path = write_warm_up(tmp_path, "dates", [Request("beam", inputs), Request("other", {})])
    assert path == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    first, second = read(path)
    assert (first.model_spec.name, first.model_spec.signature_name) == ("dates", "beam")
    assert sorted(first.inputs) == ["text", "width"]
    assert tf.make_ndarray(first.inputs["text"]).tolist() == [b"", ("가" * 100).encode()]
    np.testing.assert_array_equal(tf.make_ndarray(first.inputs["width"]), [4, 300], strict=False)
    assert second.model_spec.signature_name == "other"
    assert not second.inputs


def test_the_same_requests_are_written_as_the_same_bytes(tmp_path):
    requests = typical_requests(CharacterTokenizer(Vocabulary("abc")))
    first, second = (tmp_path / name for name in "ab")
    for folder in (first, second):
        folder.mkdir()
    paths = [write_warm_up(folder, "m", requests) for folder in (first, second)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_typical_texts_consist_of_tokens_of_the_vocabulary():
    letters = typical_requests(CharacterTokenizer(Vocabulary("abc")))
    assert [request.inputs["text"] for request in letters] == [
        ["abca"],
        ["", "abca", "abcabcabcabcabca"],
        ["", "abca", "abcabcabcabcabca"],
    ]
    alone = typical_requests(CharacterTokenizer(Vocabulary("abc")), batch=1)
    assert {len(request.inputs["text"]) for request in alone} == {1}
    words = typical_requests(WordTokenizer(Vocabulary(["one", "two"])))
    assert words[0].inputs["text"] == ["one two one two"]
    nothing = typical_requests(CharacterTokenizer(Vocabulary("")))
    assert nothing[1].inputs["text"] == ["", "", ""]
