"""The command line: `keras-attention`. The one place that joins library, training and export."""

from keras_attention.cli.main import main as main
