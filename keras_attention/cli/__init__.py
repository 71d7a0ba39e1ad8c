"""The command line, `keras-attention`, which joins the library, training and export."""

from keras_attention.cli.main import main as main
