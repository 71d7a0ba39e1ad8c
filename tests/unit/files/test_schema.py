import pytest

from keras_attention.errors import InputError
from keras_attention.files.schema import (
    JsonFile,
    dictionary_of,
    flag,
    integer,
    list_of,
    nullable,
    number,
    optional,
    parse_json,
    real,
    text,
)

NOTES = JsonFile("notes", {"limits": {"batch": integer(1, 9)}, "steps": optional(integer())}, 1)


def refusal(content, file=NOTES):
    with pytest.raises(InputError) as error:
        file.parse(content, "notes.json")
    message = str(error.value)
    assert message.startswith("notes.json: ") and "\n" not in message
    return message.removeprefix("notes.json: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"{", "text that is not JSON at line 1, column 2"),
        (b"\xff", "bytes that are not UTF-8"),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b'{"a":' * 100_000, "JSON that is nested too deeply"),
        (b"1" * 5_000, "a number that is not valid JSON or has too many digits"),
        (b"NaN", "a number that is not valid JSON or has too many digits"),
        (b"[-Infinity]", "a number that is not valid JSON or has too many digits"),
    ],
    ids=range(8),
)
def test_invalid_json_is_a_one_line_error(content, reason):
    expected = f"damaged, expected notes. Received: {reason}."
    assert refusal(content) == expected
    with pytest.raises(InputError, match=f"^here: {expected}$"):
        parse_json(content, "here", "notes")


@pytest.mark.parametrize("content", [b'{"a": "\xea\xb0\x80"}', b'\xef\xbb\xbf{"a": "\\uac00"}'])
def test_json_is_utf8_with_or_without_a_byte_order_mark(content):
    assert parse_json(content, "here", "notes") == {"a": "가"}


def test_unknown_keys_are_ignored():
    content = b'{"format": 1, "limits": {"batch": 2, "new": null}, "newer": []}'
    assert NOTES.parse(content, "notes.json")["limits"]["batch"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "damaged, expected notes. Received: an empty list."),
        (b"{}", "damaged, expected notes with `format` as an integer. Received: no such key."),
        (b'{"format": 2}', "expected format 1, the only one that this version reads. Received: 2."),
        (
            b'{"format": 1}',
            "damaged, expected notes with `limits` as an object. Received: no such key.",
        ),
        (
            b'{"format": 1, "limits": {"batch": 1e9}}',
            "damaged, expected notes with `limits.batch` as an integer from 1 to 9. "
            "Received: 1000000000.0.",
        ),
        (
            b'{"format": 1, "limits": {"batch": 1}, "steps": null}',
            "damaged, expected notes with `steps` as an integer. Received: null.",
        ),
        (
            b'{"format": 1, "limits": {"batch": ' + b"9" * 4000 + b"}}",
            "damaged, expected notes with `limits.batch` as an integer from 1 to 9. "
            "Received: an integer of more than 128 bits.",
        ),
        (
            b'{"format": 1, "limits": "' + b"x" * 99 + b'"}',
            f'damaged, expected notes with `limits` as an object. Received: "{"x" * 39}....',
        ),
    ],
)
def test_an_invalid_value_is_a_one_line_error(content, message):
    assert refusal(content) == message


KINDS = {
    "integer": (integer(1, 3), [1, 3], [0, 4, True, 1.0, "1", None, [], 10**400]),
    "number": (number(0), [0, 0.5, 10**300], [-1, True, "0", None, {}, float("inf"), 10**400]),
    "real": (real(), [float("nan"), float("-inf"), 1], [True, "0", None]),
    "flag": (flag(), [True, False], [0, 1, "true", None]),
    "text": (text(), ["", "가"], [0, None, [], {}]),
    "choices": (text(("a", "b")), ["a"], ["", "c", None, ["a"], {"a": 1}]),
    "list": (list_of(text()), [[], ["a"]], ["a", [1], None, {}]),
    "dictionary": (dictionary_of(integer()), [{}, {"a": 1}], [[], {"a": None}, None]),
    "nullable": (nullable(integer()), [None, 1], ["1"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_accepts_its_own_values_only(name):
    kind, fitting, others = KINDS[name]
    assert [kind.fits(value) for value in fitting] == [True] * len(fitting)
    assert [kind.fits(value) for value in others] == [False] * len(others)
