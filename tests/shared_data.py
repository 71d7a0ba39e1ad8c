"""The real data that some tests read, which is no part of the repository."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"needs the shared data at {SHARED}")
