import random
import re

import pytest

from keras_attention.errors import InputError
from keras_attention.training.tasks.date_links import date_links
from keras_attention.training.tasks.dates import generate_dates
from keras_attention.training.tasks.known_alignments import KNOWN, known_alignments
from keras_attention.training.tasks.synthetic import TASKS, generate, links


@pytest.mark.parametrize("task", TASKS)
def test_links_of_a_task_are_all_sure(task):
    pairs = generate(task, 20, seed=1, shortest=5, longest=9)
    found = known_alignments(task, iter(pairs))
    assert [gold.sure for gold in found] == [links(task, *pair) for pair in pairs]
    assert all(gold.sure == gold.possible for gold in found)
    assert KNOWN[task] == TASKS[task].tokenizer


def test_links_of_dates_are_the_links_of_date_links():
    pairs = generate_dates(20, seed=1)
    assert known_alignments("dates", pairs) == [date_links(*pair) for pair in pairs]
    assert KNOWN["dates"] == "character"


@pytest.mark.parametrize(
    ("task", "pair"),
    [
        ("dates", ("x", "y")),
        ("copy", ("abc", "q")),
        ("copy", ("abc", "")),
        ("reverse", ("abc", "zzz")),
        ("reverse", ("abc", "abc")),
        ("date-sentences", ("x", "y")),
        ("date-sentences", ("a May 6, 2001", "x")),
        ("date-sentences", ("a May 6, 2001", "")),
        ("date-sentences", ("a May 6, 2001", "a 2001 06 05")),
        ("date-sentences", ("a May 6, 2001 b", "a 2001 05 06")),
        ("date-sentences", ("a May 6 2001", "a 2001 05 06")),
        ("date-sentences", ("a Monday, May 6, 2001", "a 2001 05 06")),  # it was a Sunday
        ("date-sentences", ("Sunday, a May 6, 2001", "a 2001 05 06")),
        ("date-sentences", ("a May 66, 2001", "a 2001 05 66")),
        ("date-sentences", ("a May", "a 05")),
    ],
)
def test_a_pair_that_does_not_belong_to_the_task_is_an_error(task, pair):
    kind = TASKS.get(task)
    good = kind.make(random.Random(1), 5) if kind else generate_dates(1, seed=1)[0]
    message = f"pair 2: expected a pair of the task {task!r}. Received: {pair[0]!r} and {pair[1]!r}"
    with pytest.raises(InputError, match=re.escape(message)):
        known_alignments(task, [good, pair])


def test_a_task_without_known_alignments_is_an_error():
    with pytest.raises(InputError, match="with known alignments, one of dates, copy, .*: 'tsv'"):
        known_alignments("tsv", [])
