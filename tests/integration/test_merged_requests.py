"""A request's result does not depend on padding or on the requests that it is merged with."""

import numpy as np
import pytest
import tensorflow as tf
from variants import LONG, TEXTS, few_variants

pytestmark = few_variants

REQUESTS = [[text] for text in TEXTS] + [["", "the cat"], [LONG], ["abc", "x" * 700, ""], ["😀"]]


def ask(serve, texts):
    return {name: out.numpy() for name, out in serve(tf.constant(texts)).items()}


def assert_as_alone(merged, alone):
    """Assert equal texts, and scores within 1e-5, although merged batches may have more padding."""
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
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in reverse order"])
def test_merged_requests_return_the_same_results_as_single_requests(signatures, order, padding):
    serve, requests = signatures["serving_default"], REQUESTS[::order]
    # TensorFlow Serving pads with copies of the last request's first row.
    texts = [text for request in requests for text in request] + requests[-1][:1] * padding
    merged, start = ask(serve, texts), 0
    for request in requests:
        rows = slice(start, start + len(request))
        assert_as_alone({name: out[rows] for name, out in merged.items()}, ask(serve, request))
        start = rows.stop


def test_a_refused_text_does_not_affect_the_others(signatures):
    serve = signatures["serving_default"]
    merged = ask(serve, ["the cat", "abc " * 1500, ""])
    for place, text in ((0, "the cat"), (2, "")):
        one = {name: out[place : place + 1] for name, out in merged.items()}
        assert_as_alone(one, ask(serve, [text]))
    assert merged["error"].tolist()[::2] == [b"", b""]
    assert merged["error"][1].startswith(b"expected at most 1024 tokens including </s>. Received: ")
    assert (merged["text"][1], merged["score"][1]) == (b"", -1e9)
