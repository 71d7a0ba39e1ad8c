"""The public names; see `keras_attention.lazy_imports`."""

from .pairs import read_pairs as read_pairs
from .pairs import split_pairs as split_pairs
