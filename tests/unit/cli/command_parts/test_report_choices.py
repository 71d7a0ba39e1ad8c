"""The options of `evaluate` for the analysis of errors."""

import pytest

from keras_attention.cli.command_parts.error_report import ReportChoices
from keras_attention.errors import InputError


def test_nothing_is_stored_for_an_ensemble(tmp_path):
    (tmp_path / "ensemble.json").touch()
    with pytest.raises(InputError, match=r"a single model, .* Received: the folder of an ensemble"):
        ReportChoices(save=True).check([tmp_path], [])
    ReportChoices(tmp_path / "page.html").check([tmp_path], [])


@pytest.mark.parametrize("limit", [{"pattern": "a+"}, {"allowed": ("a",)}])
def test_a_confidence_that_is_measured_under_a_limit_is_not_stored(limit, tmp_path):
    with pytest.raises(InputError, match=f"Received: --save-confidence and --{next(iter(limit))}"):
        ReportChoices(save=True).check([tmp_path], [], None, limit)
    ReportChoices(tmp_path / "page.html").check([tmp_path], [], None, limit)
