"""Imports of the classes that a compiled `Seq2Seq` is saved with, so that Keras can load them."""

from keras_attention.fast.fused_adam import FusedAdam as FusedAdam
from keras_attention.objectives.fenchel_young import MaskedFenchelYoung as MaskedFenchelYoung
from keras_attention.objectives.losses import MaskedCrossentropy as MaskedCrossentropy
from keras_attention.objectives.metrics import MaskedAccuracy as MaskedAccuracy
from keras_attention.objectives.schedules import WarmUp as WarmUp
