"""The function that makes the graph version of any tokenizer."""

from keras_attention.text.graph.graph_subword import GraphSubwordTokenizer
from keras_attention.text.graph.graph_tokenizer import GraphTokenizer
from keras_attention.text.subword_tokenizer import SubwordTokenizer
from keras_attention.text.tokenizer import Tokenizer


def make_graph_tokenizer(tokenizer: Tokenizer) -> GraphTokenizer:
    """Make the graph version of a tokenizer.

    Raises:
        ValueError: If this kind of tokenizer has no graph version.
    """
    if isinstance(tokenizer, SubwordTokenizer):
        return GraphSubwordTokenizer(tokenizer)
    return GraphTokenizer(tokenizer)
