import functools
import random
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from keras_attention.training.data.pair_files import read_dates_file
from keras_attention.training.tasks.dates import (
    FIRST_DAY,
    FORMS,
    LAST_DAY,
    generate_dates,
    write_all_forms,
)

DATES = Path(__file__).parents[4] / "../shared/data/dates/date.txt"

forms_of = functools.cache(write_all_forms)


@pytest.fixture(scope="module")
def file_pairs():
    if not DATES.exists():
        pytest.skip(f"needs the public dates file at {DATES}")
    return read_dates_file(DATES)


def shares(pairs):
    counts = Counter()
    for source, target in pairs:
        # The short and the long name of May are equal, so dates in May are not counted.
        counts[forms_of(date.fromisoformat(target)).index(source)] += target[5:7] != "05"
    return [counts[form] / sum(counts.values()) for form in range(len(FORMS))]


def test_write_all_forms_returns_every_form_of_a_day():
    assert write_all_forms(date(1994, 9, 7)) == (
        "9/7/94",
        "Sep 7, 1994",
        "sep 7, 1994",
        "SEP 7, 1994",
        "September 7, 1994",
        "september 7, 1994",
        "SEPTEMBER 7, 1994",
        "Wednesday, September 7, 1994",
        "wednesday, september 7, 1994",
        "WEDNESDAY, SEPTEMBER 7, 1994",
    )


def test_a_two_digit_year_keeps_its_leading_zero():
    assert write_all_forms(date(2004, 8, 14))[0] == "8/14/04"


def test_every_line_of_the_public_file_has_one_of_the_forms(file_pairs):
    assert len(file_pairs) == 50000
    strange = [pair for pair in file_pairs if pair[0] not in forms_of(date.fromisoformat(pair[1]))]
    assert strange == []


def test_the_public_file_and_the_generated_dates_have_the_same_years(file_pairs):
    days = [target for _, target in file_pairs]
    assert FIRST_DAY.isoformat() == min(days)
    assert max(days) <= LAST_DAY.isoformat()
    assert max(days)[:4] == LAST_DAY.isoformat()[:4]


def test_each_form_is_as_frequent_as_in_the_public_file(file_pairs):
    made = shares(generate_dates(50000, seed=3))
    assert made == pytest.approx(shares(file_pairs), abs=0.01)


def test_generated_targets_are_the_dates_of_their_sources():
    for source, target in generate_dates(5000, seed=1):
        day = date.fromisoformat(target)
        assert FIRST_DAY <= day <= LAST_DAY
        assert source in forms_of(day)


def test_a_source_is_never_ambiguous():
    meanings = {}
    for ordinal in range(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1):
        day = date.fromordinal(ordinal)
        for source in forms_of(day):
            assert meanings.setdefault(source, day) == day


def test_the_same_seed_generates_the_same_dates():
    assert generate_dates(100, seed=5) == generate_dates(100, seed=5)
    assert generate_dates(100, seed=5) != generate_dates(100, seed=6)


def test_generating_dates_does_not_use_the_global_random_state():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    generate_dates(10, seed=5)
    assert random.random() == expected


def test_a_size_of_zero_is_allowed_and_a_negative_size_is_an_error():
    assert generate_dates(0, seed=1) == []
    with pytest.raises(ValueError, match="`size` must be at least 0. Received: size=-1."):
        generate_dates(-1, seed=1)


def test_recipes_and_data_are_read_without_tensorflow():
    code = (
        "import sys, keras_attention.training.tasks.dates, keras_attention.training.data.pairs\n"
        "raise SystemExit({'tensorflow', 'keras'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
