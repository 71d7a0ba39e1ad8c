from collections import Counter
from datetime import date

import pytest

from keras_attention.errors import InputError
from keras_attention.training.data.pairs import read_pairs, split_pairs
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.tasks.dates import MONTHS
from keras_attention.training.tasks.synthetic import CARRIERS, TASKS, generate, links

SPLITS = {"copy": list, "reverse": list, "date-sentences": str.split}


def made(name, size=400, seed=1, shortest=5, longest=9):
    return generate(name, size, seed, shortest=shortest, longest=longest)


@pytest.mark.parametrize("name", TASKS)
def test_lengths_are_uniform_in_the_given_range(name):
    lengths = Counter(len(SPLITS[name](source)) for source, _ in made(name, size=2000))
    assert sorted(lengths) == [5, 6, 7, 8, 9]
    assert all(count == pytest.approx(400, abs=80) for count in lengths.values())


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_generates_the_same_pairs(name):
    assert made(name) == made(name)
    assert made(name) != made(name, seed=2)
    assert made(name, size=0) == []


def test_letters_are_copied_or_reversed():
    assert all(source == target for source, target in made("copy"))
    assert all(target == "".join(reversed(source)) for source, target in made("reverse"))
    assert any(source != target for source, target in made("reverse"))


def test_the_target_of_a_sentence_has_the_date_of_its_source():
    """The check computes the date independently, with Python's calendar."""
    for source, target in made("date-sentences"):
        words, written = source.split(), target.split()
        begin = next(n for n, word in enumerate(written) if word.isdigit())
        day = date.fromisoformat("-".join(written[begin : begin + 3]))
        ends = len(written) - begin - 3
        assert words[:begin] == written[:begin]
        assert words[len(words) - ends :] == written[begin + 3 :]
        form = " ".join(words[begin : len(words) - ends]).lower()
        weekday, month = f"{day:%A}, ".lower(), MONTHS[day.month - 1].lower()
        forms = [f"{name} {day.day}, {day.year}" for name in (month, month[:3])]
        assert form in [*forms, weekday + forms[0]]
        assert set(words[:begin]) <= set(CARRIERS)


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_linked_letters_are_the_same_letter(name):
    for source, target in made(name):
        found = links(name, source, target)
        assert all(source[i] == target[j] for i, j in found)
        assert {i for i, _ in found} == {j for _, j in found} == set(range(len(source)))


def test_linked_words_of_a_sentence_have_the_same_meaning():
    def form(word):
        word = word.lower().strip(",")
        keys = [name[:3].lower() for name in MONTHS]
        month = f"{keys.index(word[:3]) + 1:02d}" if word[:3] in keys else word
        return f"{month:0>2}" if month.isdigit() else month

    for source, target in made("date-sentences"):
        words, written, found = (
            source.split(),
            target.split(),
            links("date-sentences", source, target),
        )
        assert [j for _, j in sorted(found, key=lambda link: link[1])] == list(range(len(written)))
        assert all(form(words[i]) == written[j] for i, j in found)
        unlinked = set(range(len(words))) - {i for i, _ in found}
        assert all(words[i].lower().endswith("day,") for i in unlinked)


@pytest.mark.parametrize(("shortest", "longest"), [(3, 9), (6, 5)])
def test_an_invalid_range_of_lengths_is_an_error(shortest, longest):
    with pytest.raises(ValueError, match="at least 4 for date-sentences, and not above `longest`"):
        made("date-sentences", shortest=shortest, longest=longest)
    with pytest.raises(InputError, match=r"`data.shortest` must be at least 4 for .*Received"):
        DataConfig(format="date-sentences", shortest=shortest, longest=longest)


def test_a_negative_size_is_an_error():
    with pytest.raises(ValueError, match="`size` must be at least 0. Received: size=-1."):
        made("copy", size=-1)


@pytest.mark.parametrize("name", TASKS)
def test_the_target_of_a_generated_source_can_be_recomputed(name):
    assert all(TASKS[name].target(source) == target for source, target in made(name))


@pytest.mark.parametrize("name", TASKS)
def test_recipes_train_on_the_generated_pairs(name):
    recipe = load_recipe(name, ["size=50", "held_out=10", "longest=7", "shortest=6"])
    training, held_out = split_pairs(recipe.data, recipe.seed)
    assert (len(training), len(held_out)) == (40, 10)
    expected = generate(name, 50, recipe.seed, shortest=6, longest=7)
    assert sorted(training + held_out) == sorted(expected)
    assert {len(SPLITS[name](source)) for source, _ in expected} == {6, 7}
    assert recipe.text.source_tokenizer == TASKS[name].tokenizer


@pytest.mark.parametrize("key", ["path", "validation_path"])
def test_naming_a_file_for_a_generated_task_is_an_error(key):
    config = DataConfig(format="copy", **{key: "a.tsv"})
    with pytest.raises(InputError, match=f"`data.{key}` must be empty .*Received: data.{key}='a"):
        read_pairs(config) if key == "path" else split_pairs(config, 1)
