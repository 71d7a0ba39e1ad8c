from datetime import date
from itertools import product

import pytest
from shared_data import SHARED, needs_shared

from keras_attention.alignment.links import format_links
from keras_attention.training.data.pair_files import read_dates_file
from keras_attention.training.tasks.date_links import date_links
from keras_attention.training.tasks.dates import generate_dates, write_all_forms


def described(source, target):
    """Return the source characters that each target character is surely and possibly linked to."""
    gold = date_links(source, target)
    return [
        tuple(
            "".join(source[i] for i, j in sorted(links) if j == place)
            for links in (gold.sure, gold.possible - gold.sure)
        )
        for place in range(len(target))
    ]


def test_copied_digits_are_sure_and_a_guessed_century_is_possible():
    assert described("9/27/94", "1994-09-27") == [
        ("", "94"),
        ("", "94"),
        ("9", ""),
        ("4", ""),
        ("", "//"),
        ("", "9/"),
        ("9", ""),
        ("", "//"),
        ("2", ""),
        ("7", ""),
    ]
    assert format_links(date_links("9/27/94", "1994-09-27").sure) == "5-2 6-3 0-6 2-8 3-9"


def test_a_month_is_linked_with_its_name_and_a_weekday_has_no_link():
    assert described("Saturday, May 5, 2001", "2001-05-05") == [
        ("2", ""),
        ("0", ""),
        ("0", ""),
        ("1", ""),
        ("", " , "),
        ("", "May"),
        ("", "May"),
        ("", " , "),
        ("", "5, "),
        ("5", ""),
    ]
    source = "tuesday, september 27, 1994"
    gold = date_links(source, "1994-09-27")
    assert min(source for source, _ in gold.possible) == source.index("september")
    assert gold.sure == {(source.index("27") + k, 8 + k) for k in (0, 1)} | {
        (source.index("1994") + k, k) for k in range(4)
    }


def test_two_digits_of_a_month_are_copied():
    assert described("12/1/05", "2005-12-01")[5:7] == [("1", ""), ("2", "")]
    assert described("12/1/05", "2005-12-01")[8:] == [("", "1/"), ("1", "")]


def check(pairs):
    for source, target in pairs:
        gold = date_links(source, target)
        assert all(source[i] == target[j] and target[j].isdigit() for i, j in gold.sure)
        assert {j for _, j in gold.possible} == set(range(10))
        # A copied digit has one sure link. Other digits have only possible links.
        copied = [j for _, j in gold.sure]
        assert len(set(copied)) == len(copied)
        assert not set(copied) & {j for _, j in gold.possible - gold.sure}


def test_every_form_of_a_date_has_valid_links():
    months = product((1979, 2017), (2, 9, 10, 12))
    days = [date(*month, day) for month in months for day in (1, 28)]
    check((source, day.isoformat()) for day in days for source in write_all_forms(day))
    check(generate_dates(2000, seed=4))


@needs_shared
def test_every_line_of_the_public_file_has_valid_links():
    check(read_dates_file(SHARED / "dates/date.txt"))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("9/27/94", "1994-09-28"),
        ("9/27/94", "19940927"),
        ("27.9.94", "1994-09-27"),
        ("", ""),
        ("monday, september 27, 1994", "1994-09-27"),  # it was a Tuesday
    ],
)
def test_a_pair_in_another_form_is_an_error(source, target):
    with pytest.raises(ValueError, match="expected a date in one of the forms") as raised:
        date_links(source, target)
    assert str(raised.value).endswith(f"Received: {source!r} and {target!r}.")
