import numpy as np
import pytest
from support import check_layer, normal, to_numpy

from keras_attention.layers.feature_embedding import FeatureEmbedding

TOKENS, FEATURES = normal(2, 5, 4), np.array([[4, 6], [5, 4]])


def tables(layer):
    return [to_numpy(table.embeddings.value) for table in layer.tables]


def test_concat_joins_the_embeddings_to_every_token():
    layer = FeatureEmbedding([6, 7], 3)
    found = to_numpy(layer((TOKENS, FEATURES)))
    first, second = tables(layer)
    for row in range(2):
        for step in range(5):
            parts = TOKENS[row, step], first[FEATURES[row, 0]], second[FEATURES[row, 1]]
            np.testing.assert_array_equal(found[row, step], np.concatenate(parts))


def test_sum_adds_the_embeddings_to_every_token():
    layer = FeatureEmbedding([6, 7], 4, merge="sum")
    found = to_numpy(layer((TOKENS, FEATURES)))
    first, second = tables(layer)
    added = first[FEATURES[:, 0]] + second[FEATURES[:, 1]]
    np.testing.assert_allclose(found, TOKENS + added[:, None], rtol=1e-6)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_passes_the_checks_for_every_layer(merge, tmp_path):
    layer = FeatureEmbedding([6, 7], 4, merge=merge)
    check_layer(layer, (TOKENS, FEATURES), tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [0]}, "`sizes` must be a positive integer. Received: sizes=0"),
        ({"units": 0}, "`units` must be a positive integer"),
        ({"merge": "product"}, "`merge` must be one of 'concat', 'sum'"),
    ],
)
def test_bad_arguments_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        FeatureEmbedding(**{"sizes": [6], **options})
