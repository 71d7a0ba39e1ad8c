"""Makes the twin of any tokenizer in the graph."""

from keras_attention.text.graph.graph_subword import GraphSubwordTokenizer
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.subword_tokenizer import SubwordTokenizer
from keras_attention.text.tokenizer import Tokenizer


def make_graph_tokenizer(tokenizer: Tokenizer) -> GraphTokenizer:
    """Return a tokenizer's twin in the graph.

    Raises:
        ValueError: If the tokenizer is of a kind that has none.
    """
    if isinstance(tokenizer, SubwordTokenizer):
        return GraphSubwordTokenizer(tokenizer)
    return GraphTokenizer(tokenizer)
