"""The models that `fit` trains, with the loss and metric that a saved one is compiled with."""

from keras_attention.losses import MaskedCrossentropy as MaskedCrossentropy
from keras_attention.metrics import MaskedAccuracy as MaskedAccuracy
from keras_attention.models.seq2seq import Seq2Seq as Seq2Seq
