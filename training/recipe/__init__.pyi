"""The public names; see `keras_attention.lazy_imports`."""

from .recipe import Recipe as Recipe
from .recipe import load_recipe as load_recipe
