"""The public names, for type checkers and for `keras_attention.lazy_imports`."""

from keras_attention._version import __version__ as __version__
from keras_attention.alignment.links import GoldAlignment as GoldAlignment
from keras_attention.alignment.links import hard_links as hard_links
from keras_attention.alignment.links import measure_alignments as measure_alignments
from keras_attention.alignment.links import read_links as read_links
from keras_attention.alignment.symmetrization import symmetrize as symmetrize
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
from keras_attention.decoding.confidence import Confidence as Confidence
from keras_attention.decoding.hypotheses import Hypotheses as Hypotheses
from keras_attention.decoding.options import SearchOptions as SearchOptions
from keras_attention.decoding.search import search as search
from keras_attention.errors import InputError as InputError
from keras_attention.layers.attention_cell import AttentionCell as AttentionCell
from keras_attention.layers.attention_cell import DecoderState as DecoderState
from keras_attention.layers.attention_decoder import AttentionDecoder as AttentionDecoder
from keras_attention.layers.attention_pooling import AttentionPooling as AttentionPooling
from keras_attention.layers.bilstm_encoder import BiLSTMEncoder as BiLSTMEncoder
from keras_attention.layers.bridge import Bridge as Bridge
from keras_attention.layers.gnmt_cell import GNMTCell as GNMTCell
from keras_attention.layers.gnmt_encoder import GNMTEncoder as GNMTEncoder
from keras_attention.layers.transformer.transformer_cell import TransformerCell as TransformerCell
from keras_attention.layers.transformer.transformer_encoder import (
    TransformerEncoder as TransformerEncoder,
)
from keras_attention.models.ensemble import Ensemble as Ensemble
from keras_attention.models.memory import Memory as Memory
from keras_attention.models.seq2seq import Seq2Seq as Seq2Seq
from keras_attention.objectives.fenchel_young import MaskedFenchelYoung as MaskedFenchelYoung
from keras_attention.objectives.losses import MaskedCrossentropy as MaskedCrossentropy
from keras_attention.objectives.metrics import MaskedAccuracy as MaskedAccuracy
from keras_attention.text.source_features import SourceFeatures as SourceFeatures
from keras_attention.text.source_features import add_features as add_features
from keras_attention.text.subword_learning import learn_subwords as learn_subwords
from keras_attention.text.subword_tokenizer import SubwordTokenizer as SubwordTokenizer
from keras_attention.text.tokenizers import CharacterTokenizer as CharacterTokenizer
from keras_attention.text.tokenizers import WordTokenizer as WordTokenizer
from keras_attention.text.vocabulary import Vocabulary as Vocabulary
from keras_attention.translation.folders.presets import upload_preset as upload_preset
from keras_attention.translation.forced_alignment import align_pairs as align_pairs
from keras_attention.translation.result import PairScore as PairScore
from keras_attention.translation.result import Translation as Translation
from keras_attention.translation.text_preprocessor import TextPreprocessor as TextPreprocessor
from keras_attention.translation.translator import Translator as Translator
from keras_attention.visualization.alignment_page import (
    write_alignment_page as write_alignment_page,
)
from keras_attention.visualization.alignment_text import format_alignment as format_alignment
from keras_attention.visualization.plotting import plot_alignment as plot_alignment
