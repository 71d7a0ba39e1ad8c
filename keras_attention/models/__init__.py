"""The models that `fit` trains, with all that a compiled one is saved with."""

from keras_attention.fast.fused_adam import FusedAdam as FusedAdam
from keras_attention.models.seq2seq import Seq2Seq as Seq2Seq
from keras_attention.objectives.losses import MaskedCrossentropy as MaskedCrossentropy
from keras_attention.objectives.metrics import MaskedAccuracy as MaskedAccuracy
from keras_attention.objectives.schedules import WarmUp as WarmUp
