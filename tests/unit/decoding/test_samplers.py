"""The samplers of `generate` as search options."""

import pytest

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.samplers import BEAM_WIDTH, SAMPLERS, check_sampler, sampler_options

NEEDED = {"top_k": {"top_k": 3}, "top_p": {"top_p": 0.5}}


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_options_of_every_sampler_are_valid_and_choose_its_search(name):
    options = SearchOptions(max_length=5, **sampler_options(name, NEEDED.get(name, {})))
    assert options.sample == (name in ("random", "top_k", "top_p"))
    assert (options.beam_width > 1) == (name == "beam")


@pytest.mark.parametrize(
    ("given", "own_width", "width"),
    [({}, 1, BEAM_WIDTH), ({}, 3, 3), ({"beam_width": 2}, 3, 2)],
)
def test_the_beam_width_comes_from_the_call_or_the_model(given, own_width, width):
    assert sampler_options("beam", given, own_width=own_width)["beam_width"] == width


def test_a_sampler_draws_one_hypothesis_whatever_the_models_beam_width():
    assert sampler_options("random", {}, own_width=4)["beam_width"] == 1
    assert sampler_options("random", {"beam_width": 3})["beam_width"] == 3


def test_options_of_the_call_replace_those_of_a_dictionary():
    sampler = {"beam_width": 3, "length_penalty": 1.0}
    found = sampler_options(sampler, {"beam_width": 2})
    assert found == {"beam_width": 2, "length_penalty": 1.0}


def test_without_a_sampler_only_the_given_options_apply():
    assert sampler_options(None, {"min_length": 2}, own_width=4) == {"min_length": 2}


REFUSED = {
    "name": (("bem", {}), r"`sampler` must be one of 'greedy'.*sampler='bem'; the nearest is"),
    "type": ((4, {}), r"`sampler` must be one of .* or a dictionary of .* Received: int"),
    "option": (({"beam": 4}, {}), "unknown argument 'beam'; the nearest is 'beam_width'"),
    "value": (({"beam_width": 0}, {}), "`beam_width` must be an integer of at least 1"),
    "width of greedy": (("greedy", {"beam_width": 2}), "`beam_width` must be 1 with .*'greedy'"),
    "width of beam": (("beam", {"beam_width": 1}), "`beam_width` must be at least 2 with"),
    "sampling": (("beam", {"sample": True}), "`sample` must be False with .* sample=True"),
    "searching": (("random", {"sample": False}), "`sample` must be True with"),
    "top k": (("top_k", {}), "`top_k` must be given with the sampler 'top_k'"),
    "top 0": (("top_k", {"top_k": 0}), "`top_k` must be at least 1 with .*'top_k'.*top_k=0"),
    "top p": (("top_p", {"top_k": 3}), "`top_p` must be given with the sampler 'top_p'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_contradictions_are_refused(case):
    arguments, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=message):
        sampler_options(*arguments)


def test_a_sampler_of_compile_is_checked_without_the_options_of_a_call():
    check_sampler({"temperature": 0.5})  # `generate` may add `sample`
    with pytest.raises(ValueError, match="`temperature` must be"):
        check_sampler({"temperature": -1})
