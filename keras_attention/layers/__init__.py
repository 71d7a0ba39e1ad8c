"""Encoders, bridge, decoder cells, decoder, embeddings, copying and pooling.

Importing one of these layers imports all of them and all attention mechanisms, because Keras can
load a saved model only if its classes are registered.
"""

from keras_attention.attention.registry import import_mechanisms
from keras_attention.layers.attention_cell import AttentionCell as AttentionCell
from keras_attention.layers.attention_decoder import AttentionDecoder as AttentionDecoder
from keras_attention.layers.attention_pooling import AttentionPooling as AttentionPooling
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder as BiLSTMEncoder
from keras_attention.layers.bridge import Bridge as Bridge
from keras_attention.layers.copy_output import CopyOutput as CopyOutput
from keras_attention.layers.feature_embedding import FeatureEmbedding as FeatureEmbedding
from keras_attention.layers.gnmt_cell import GNMTCell as GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder as GNMTEncoder
from keras_attention.layers.layer_norm_lstm import LayerNormLSTMCell as LayerNormLSTMCell
from keras_attention.layers.token_embedding import TokenEmbedding as TokenEmbedding
from keras_attention.layers.transformer.transformer_cell import TransformerCell as TransformerCell
from keras_attention.layers.transformer.transformer_encoder import (
    TransformerEncoder as TransformerEncoder,
)

import_mechanisms()
