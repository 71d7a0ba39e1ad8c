"""The real data that some tests read; it is not part of the repository."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1] / "../shared/data"
needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason=f"requires the shared data at {SHARED}"
)
