import pytest

from keras_attention.cli import threads
from keras_attention.cli.threads import limit_threads

NAMES = {"TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"}


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(threads, "_cores", lambda: 8)


def chosen(group, **environment):
    limit_threads(environment, group)
    return environment


@pytest.mark.parametrize(
    "content, expected",
    [
        ("200000 100000\n", "2"),
        ("150000 100000\n", "2"),
        ("50000 100000\n", "1"),
        ("max 100000\n", None),
        ("900000 100000\n", None),
        ("nonsense\n", None),
    ],
)
def test_the_quota_of_control_groups_version_2_is_read(tmp_path, content, expected):
    (tmp_path / "cpu.max").write_text(content)
    assert chosen(tmp_path) == (dict.fromkeys(NAMES, expected) if expected else {})


@pytest.mark.parametrize("quota, expected", [("300000\n", "3"), ("-1\n", None)])
def test_the_quota_of_control_groups_version_1_is_read(tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert chosen(tmp_path) == (dict.fromkeys(NAMES, expected) if expected else {})


def test_without_control_groups_no_variable_is_set(tmp_path):
    assert chosen(tmp_path / "missing") == {}


def test_variables_that_are_set_keep_their_values(tmp_path):
    (tmp_path / "cpu.max").write_text("200000 100000")
    found = chosen(tmp_path, TF_NUM_INTRAOP_THREADS="5")
    assert found == {"TF_NUM_INTRAOP_THREADS": "5", "TF_NUM_INTEROP_THREADS": "2"}
