import pytest

from keras_attention.errors import InputError
from keras_attention.training.date_links import date_links
from keras_attention.training.dates import generate_dates
from keras_attention.training.known_alignments import KNOWN, known_alignments
from keras_attention.training.synthetic import TASKS, generate, links


@pytest.mark.parametrize("task", TASKS)
def test_links_of_a_task_are_all_sure(task):
    pairs = generate(task, 20, seed=1, shortest=5, longest=9)
    found = known_alignments(task, iter(pairs))
    assert [gold.sure for gold in found] == [links(task, *pair) for pair in pairs]
    assert all(gold.sure == gold.possible for gold in found)
    assert KNOWN[task] == TASKS[task].tokenizer


def test_links_of_dates_are_those_of_date_links():
    pairs = generate_dates(20, seed=1)
    assert known_alignments("dates", pairs) == [date_links(*pair) for pair in pairs]
    assert KNOWN["dates"] == "character"


@pytest.mark.parametrize("task", ["dates", "date-sentences"])
def test_a_pair_of_something_else(task):
    pairs = {"dates": generate_dates(1, seed=1), "date-sentences": [("a May 6, 2001", "")]}[task]
    with pytest.raises(InputError, match=f"pair 2: expected one that {task} makes. Received: 'x' "):
        known_alignments(task, [*pairs, ("x", "y")])


def test_a_task_without_known_links():
    with pytest.raises(InputError, match="alignments are known of dates, copy, .* Received: 'tsv'"):
        known_alignments("tsv", [])
