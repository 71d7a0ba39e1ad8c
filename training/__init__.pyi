"""The public names; see `keras_attention.lazy_imports`."""

from .data.pairs import read_pairs as read_pairs
from .data.pairs import split_pairs as split_pairs
from .evaluation.evaluate import Evaluation as Evaluation
from .evaluation.evaluate import evaluate as evaluate
from .recipe.recipe import Recipe as Recipe
from .recipe.recipe import load_recipe as load_recipe
from .run.run_facts import run_facts as run_facts
