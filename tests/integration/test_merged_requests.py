"""A request that a server merges with others, or pads, is answered as it is alone."""

import numpy as np
import pytest
import tensorflow as tf
import test_subwords as subwords
from variants import LONG, TEXTS, VARIANTS

from keras_attention.export.saved_model import export_saved_model

REQUESTS = [[text] for text in TEXTS] + [["", "the cat"], [LONG], ["abc", "x" * 700, ""], ["😀"]]

MAKERS = {
    **VARIANTS,
    "subwords": lambda: subwords.make_translator(
        subwords.make_pairs(), **subwords.VARIANTS["unigram to letters"]
    ),
}


@pytest.fixture(scope="module", params=MAKERS)
def signatures(request, tmp_path_factory):
    folder = export_saved_model(MAKERS[request.param](), tmp_path_factory.mktemp("model"))
    return tf.saved_model.load(str(folder)).signatures


def ask(serve, texts):
    return {name: out.numpy() for name, out in serve(tf.constant(texts)).items()}


def assert_as_alone(merged, alone):
    """Text to the bit, scores within 1e-5; what is longer in the merged batch is padding."""
    assert merged["text"].tolist() == alone["text"].tolist()
    np.testing.assert_allclose(merged["score"], alone["score"], rtol=1e-5, atol=1e-5)
    for name in ("tokens", "source_tokens"):
        steps = alone[name].shape[1]
        np.testing.assert_array_equal(merged[name][:, :steps], alone[name])
        assert not merged[name][:, steps:].any()
    rows, steps, places = alone["alignment"].shape
    np.testing.assert_allclose(
        merged["alignment"][:, :steps, :places], alone["alignment"], atol=1e-4
    )
    assert not merged["alignment"][:, :, places:].any()


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("order", [1, -1], ids=["as they come", "the other way round"])
def test_merged_requests_are_answered_as_alone(signatures, order, padding):
    requests = REQUESTS[::order]
    serve = signatures["serving_default"]
    # TensorFlow Serving pads with the first row of the last request.
    texts = [text for request in requests for text in request] + requests[-1][:1] * padding
    merged, start = ask(serve, texts), 0
    for request in requests:
        rows = slice(start, start + len(request))
        assert_as_alone({name: out[rows] for name, out in merged.items()}, ask(serve, request))
        start = rows.stop
