"""`score`, under the path by which scripts of users import it."""

from .metrics.text_metrics import score as score
