"""The function `score`, kept at this path because users' scripts import it from here."""

from .metrics.text_metrics import score as score
