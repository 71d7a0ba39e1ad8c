"""The layers: attention mechanisms, encoder, bridge, cell and decoder.

Importing any of them imports them all: Keras loads a saved model only from registered classes.
"""

from keras_attention.attention.bahdanau_attention import BahdanauAttention as BahdanauAttention
from keras_attention.attention.base.attention_mechanism import (
    AttentionMechanism as AttentionMechanism,
)
from keras_attention.attention.chunkwise_attention import ChunkwiseAttention as ChunkwiseAttention
from keras_attention.attention.coverage_attention import CoverageAttention as CoverageAttention
from keras_attention.attention.external_memory_attention import (
    ExternalMemoryAttention as ExternalMemoryAttention,
)
from keras_attention.attention.local_attention import LocalAttention as LocalAttention
from keras_attention.attention.location_aware_attention import (
    LocationAwareAttention as LocationAwareAttention,
)
from keras_attention.attention.luong_attention import LuongAttention as LuongAttention
from keras_attention.attention.monotonic_attention import MonotonicAttention as MonotonicAttention
from keras_attention.attention.peeky_attention import PeekyAttention as PeekyAttention
from keras_attention.attention.query_key_value_attention import (
    QueryKeyValueAttention as QueryKeyValueAttention,
)
from keras_attention.attention.scaled_dot_product_attention import (
    ScaledDotProductAttention as ScaledDotProductAttention,
)
from keras_attention.layers.attention_cell import AttentionCell as AttentionCell
from keras_attention.layers.attention_decoder import AttentionDecoder as AttentionDecoder
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder as BiLSTMEncoder
from keras_attention.layers.bridge import Bridge as Bridge
from keras_attention.layers.copy_output import CopyOutput as CopyOutput
from keras_attention.layers.gnmt_cell import GNMTCell as GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder as GNMTEncoder
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell as LayerNormLSTMCell
from keras_attention.layers.token_embedding import TokenEmbedding as TokenEmbedding
from keras_attention.layers.transformer.transformer_cell import TransformerCell as TransformerCell
from keras_attention.layers.transformer.transformer_encoder import (
    TransformerEncoder as TransformerEncoder,
)
