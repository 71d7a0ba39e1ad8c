import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from support import live_graphs
from tensorflow.core.protobuf import saved_model_pb2
from variants import LONG, TEXTS, VARIANTS, assert_same, few_variants

from keras_attention import InputError, Translator
from keras_attention.errors import OptionError, TextError
from keras_attention.export.saved_model.manifest import check_manifest
from keras_attention.export.saved_model.saved_model import export_saved_model
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.saved_model.serving_module import SIGNATURES
from keras_attention.text.graph.graph_normalization import normalize
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.signature_answers import STREAM, read_answer

BEAMS = {"beam_width": 4, "length_penalty": 0.8}


def test_translations_equal_the_translators(variant, served):
    expected = variant([*TEXTS, LONG])
    assert_same(served([*TEXTS, LONG]), expected)
    assert_same(served([*TEXTS, LONG], batch_size=1), expected)
    assert served([]) == []
    assert_same([served("abc")], [variant("abc")])


def without_end(translation):
    """Return the tokens without the end token. Any other `</s>` was copied from the source."""
    tokens = list(translation.tokens)
    return tokens[:-1] if tokens[-1:] == ["</s>"] else tokens


def test_stream_yields_the_greedy_translation_of_a_string_token_by_token(variant, served):
    for text, whole in zip(TEXTS, variant(TEXTS, beam_width=1), strict=True):
        steps = list(served.stream(text))
        assert [step.token for step in steps] == without_end(whole)
        for step, weights in zip(steps, whole.alignment, strict=False):
            np.testing.assert_allclose(step.alignment, weights, atol=1e-5)
        assert [step.text for step in steps][-1:] == [whole.text] * bool(steps)
    with pytest.raises(TextError, match="^text 1: expected at most 1024 tokens"):
        served.stream("abc " * 1025)
    with pytest.raises(OptionError, match="`beam_width` must be 1 to stream the tokens"):
        served.stream("abc", beam_width=2)
    for options in ({}, {"beam_width": 1}):
        with pytest.raises(OptionError, match="`nbest` must be 1 to stream .*nbest=3"):
            served.stream("abc", nbest=3, **options)


def continue_all(stream, texts, draw):
    """Stream texts, some in each request. Return the tokens, last text and states of each text."""
    found = [[] for _ in texts]
    last, states, left = [""] * len(texts), [[b""] for _ in texts], list(range(len(texts)))
    while left:
        chosen = [row for row in left if draw() < 0.6] or left[:1]
        given = {
            "text": [texts[row] for row in chosen],
            "state": [states[row][-1] for row in chosen],
        }
        outputs = ask(stream, **given)
        assert not outputs["error"].any()
        for place, row in enumerate(chosen):
            new = [token.decode() for token in outputs["tokens"][place] if token]
            found[row] += new
            last[row] = outputs["text"][place, -1].decode()
            states[row].append(outputs["state"][place])
            if not states[row][-1]:
                left.remove(row)
    return found, last, states


def test_the_signature_stream_continues_merged_outputs_of_different_lengths(variant, signatures):
    texts = [*TEXTS, "abc"]
    draw = np.random.default_rng(3).random
    found, last, states = continue_all(signatures["stream"], texts, draw)
    for tokens, text, translation in zip(found, last, variant(texts, beam_width=1), strict=True):
        assert tokens == without_end(translation)
        assert text == translation.text


@few_variants
def test_the_signature_stream_refuses_a_state_of_another_text(variant, signatures):
    states = ask(signatures["stream"], text=TEXTS, state=[b""] * len(TEXTS))["state"]
    text, state = next(pair for pair in zip(TEXTS, states, strict=True) if pair[1])
    texts, states = [text, text, "abc", "abc"], [state, state[:-4], b"a b", b""]
    outputs = ask(signatures["stream"], text=texts, state=states)
    expected = b"expected the `state` of an answer to the same text, or an empty one. Received: "
    assert [error.startswith(expected) for error in outputs["error"]] == [False, True, True, False]
    assert not any(outputs["tokens"][1:3].ravel()) and not any(outputs["state"][1:3])
    assert all(outputs["tokens"][[0, 3], 0])


@few_variants
def test_an_export_of_an_older_version_streams_no_tokens(served):
    older = {**served._signatures, "detokenize": mock.Mock(structured_outputs={"text": None})}
    del older["stream"]
    with pytest.raises(
        InputError, match=r"export the model again\. Received: a SavedModel of an old"
    ):
        SavedModelTranslator(older, served.manifest).stream("abc")


@few_variants
def test_other_processes_must_load_the_model_themselves(served, monkeypatch):
    with pytest.raises(TypeError, match="^a SavedModelTranslator cannot be pickled; create one in"):
        pickle.dumps(served)
    monkeypatch.setattr("keras_attention.translation.processes._forked", True)
    with pytest.raises(InputError, match="^a SavedModelTranslator cannot be used in a process for"):
        served("abc")


@few_variants
def test_options_may_be_numpy_numbers(served):
    (found,) = served(["abc"], beam_width=np.int64(3), nbest=np.int64(2))
    assert len(found.hypotheses) == 2


@pytest.mark.parametrize("variant_name", ["words"], indirect=True, scope="session")
def test_eight_threads_get_the_same_results_as_one(served):
    expected = {width: served(TEXTS, beam_width=width) for width in (1, 4)}
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda width: (width, served(TEXTS, beam_width=width)), [1, 4] * 8)
        for width, translations in found:
            assert_same(translations, expected[width])


def ask(signature, **inputs):
    """Return the outputs as arrays, with strings decoded."""
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: output.numpy() for name, output in outputs.items()}


def test_the_signatures_have_the_documented_names_and_shapes(signatures):
    assert set(signatures) == {*SIGNATURES, STREAM}


@few_variants
@pytest.mark.parametrize("name", ["serving_default", "tokenize"])
def test_signatures_accept_a_batch_without_texts(signatures, name):
    outputs = signatures[name](text=tf.constant([], tf.string))
    assert {name: len(output) for name, output in outputs.items()} == dict.fromkeys(outputs, 0)


@few_variants
def test_beam_accepts_a_batch_without_texts(signatures):
    none, numbers = np.zeros(0, "int32"), np.zeros(0, "float32")
    texts = tf.constant([], tf.string)
    outputs = signatures["beam"](text=texts, beam_width=none, length_penalty=numbers, nbest=none)
    assert {len(output) for output in outputs.values()} == {0}


def test_beam_returns_the_translators_nbest(variant, served):
    expected = variant(TEXTS, **BEAMS)
    actual = served(TEXTS, nbest=4, **BEAMS)
    assert_same(actual, expected)
    for one, other in zip(actual, expected, strict=True):
        assert [each.text for each in one.hypotheses] == [each.text for each in other.hypotheses]
        scores = [[each.score for each in found.hypotheses] for found in (one, other)]
        np.testing.assert_allclose(*scores, atol=1e-4)


def test_beam_searches_each_text_with_its_own_options(variant, signatures):
    """A server requires this, because it merges requests of different clients."""
    ways = [(1, 0.0, 1), (*BEAMS.values(), 3), (2, 0.2, 2)]
    texts = [*TEXTS, LONG]
    chosen = [ways[place % len(ways)] for place in range(len(texts))]
    widths, penalties, counts = map(np.array, zip(*chosen, strict=True))
    outputs = ask(
        signatures["beam"],
        text=texts,
        beam_width=widths.astype("int32"),
        length_penalty=penalties.astype("float32"),
        nbest=counts.astype("int32"),
    )
    assert outputs["text"].shape == (len(texts), 3)
    answers = list(read_answer(texts, outputs))
    for place, (width, penalty, count) in enumerate(ways):
        same = slice(place, None, len(ways))
        expected = variant(texts[same], beam_width=width, length_penalty=penalty)
        assert_same(answers[same], expected)
        for one, other in zip(answers[same], expected, strict=True):
            best = [hypothesis.text for hypothesis in other.hypotheses][:count]
            assert [hypothesis.text for hypothesis in one.hypotheses] == best


def test_score_returns_the_translators_scores(variant, signatures):
    sources, targets = [*TEXTS, "a b"], ["", *TEXTS]
    outputs = ask(signatures["score"], source=sources, target=targets)
    expected = variant.score(sources, targets)
    np.testing.assert_allclose(outputs["score"], [pair.score for pair in expected], atol=1e-4)
    for row, tokens, pair in zip(
        outputs["log_probabilities"], outputs["tokens"], expected, strict=True
    ):
        length = len(pair.tokens)
        assert [token.decode() for token in tokens if token] == list(pair.tokens)
        np.testing.assert_allclose(row[:length], pair.log_probabilities, atol=1e-4)
        assert not row[length:].any()


def test_tokenize_and_detokenize_agree_with_the_tokenizers(variant, signatures):
    tokenizer, target = variant.codec.source, variant.codec.target
    outputs = ask(signatures["tokenize"], text=TEXTS)
    for text, ids, length, tokens in zip(
        TEXTS, *(outputs[name] for name in ("ids", "length", "tokens")), strict=True
    ):
        assert ids[:length].tolist() == tokenizer.encode(text) and not ids[length:].any()
        assert [token.decode() for token in tokens[:length]] == tokenizer.tokens(text)
    rows = [[5, 6, 4, 2, 0], [5, 2, 0, 0, 0], [6, 6, 6, 4, 5]]
    ids = np.array([*rows, [5, 5, 5, 5, 5]], "int32")  # the last row is a server's padding
    texts = ask(signatures["detokenize"], ids=ids, length=np.array([4, 2, 5, 0], "int32"))["text"]
    assert [text.decode() for text in texts] == [*(target.decode(row) for row in rows), ""]


@pytest.fixture(scope="module")
def words():
    return VARIANTS["words"]()


def test_the_variants_include_replaced_unknown_tokens(words):
    generated = {token for found in words(TEXTS) for token in found.tokens}
    assert {"שלום", "emoji"} <= generated - set(words.codec.target.vocabulary.tokens)


def test_encode_and_step_search_like_the_model(variant, signatures):
    """Search greedily; a server may pad, so ids after a row's length are arbitrary."""
    sources = [variant.codec.source.encode(text) for text in ("the cat", "abc")]
    ids = np.full((2, 16), 4, "int32")
    for row, source in zip(ids, sources, strict=True):
        row[: len(source)] = source
    length = np.array([len(source) for source in sources], "int32")
    encoded = ask(signatures["encode"], source=ids, length=length)
    memory = {name: encoded.pop(name) for name in list(encoded) if not name.startswith("state_")}
    token, state, generated = np.array([1, 1], "int32"), encoded, []
    for _ in range(variant.codec.settings.max_length):
        outputs = ask(signatures["step"], token=token, length=length, **memory, **state)
        alignment, log_probs = outputs.pop("alignment"), outputs.pop("log_probabilities")
        token, state = log_probs.argmax(-1).astype("int32"), outputs
        generated.append(token)
        np.testing.assert_array_less(alignment[np.arange(16) >= length[:, None]], 1e-6)
    plain = {"beam_width": 1, "min_length": 0, "repetition_penalty": 1, "no_repeat_ngram": 0}
    codec = variant.codec
    translator = variant
    if codec.settings.replace_unknown:
        settings = replace(codec.settings, replace_unknown=False)
        translator = Translator(variant.model, TextCodec(codec.source, codec.target, settings))
    found = translator(["the cat", "abc"], **plain)
    for row, expected in zip(np.stack(generated, 1), found, strict=True):
        length = len(expected.tokens)
        assert tuple(codec.target.vocabulary.decode(row[:length])) == expected.tokens


def test_a_step_accepts_several_hypotheses_per_source(variant, signatures):
    ids, length = np.array([[4, 5, 2], [5, 2, 0]], "int32"), np.array([3, 2], "int32")
    encoded = ask(signatures["encode"], source=ids, length=length)
    memory = {name: encoded.pop(name) for name in list(encoded) if not name.startswith("state_")}
    token = np.array([4, 5, 4, 5], "int32")
    twice = {name: np.repeat(array, 2, axis=0) for name, array in encoded.items()}
    both = ask(signatures["step"], token=token, length=length, **memory, **twice)
    for place in (0, 1):
        alone = ask(
            signatures["step"], token=token[:2][[place] * 2], length=length, **memory, **encoded
        )
        for name, array in alone.items():
            np.testing.assert_allclose(both[name][place::2], array, rtol=1e-5, atol=1e-5)


BEAM = {"beam_width": [1], "length_penalty": [0.0], "nbest": [1]}


@few_variants
@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("serving_default", {"text": ["a"] * 65}, "at most 64 texts per request. Received"),
        ("score", {"source": ["a"], "target": ["a", "b"]}, "target: expected one value per text"),
        (
            "encode",
            {"source": [[4] * 1025], "length": [1025]},
            "at most 1024 tokens including </s>",
        ),
        ("detokenize", {"ids": [[4]] * 65, "length": [1] * 65}, "at most 64 rows per request"),
        ("beam", {**BEAM, "text": ["a", "b"]}, "beam_width: expected one value per text"),
    ],
)
def test_requests_over_the_limits_are_refused(signatures, name, inputs, expected):
    with pytest.raises(tf.errors.InvalidArgumentError, match=expected):
        ask(signatures[name], **inputs)


@few_variants
@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        (
            "serving_default",
            {"text": ["a b " * 700]},
            "expected at most 1024 tokens including </s>. R",
        ),
        ("serving_default", {"text": ["a" * 16385]}, "at most 16384 bytes. Received: 16385."),
        ("tokenize", {"text": ["a" * 16385]}, "expected at most 16384 bytes. Received: 16385."),
        ("score", {"source": ["a"], "target": ["a" * 16385]}, "expected at most 16384 bytes."),
        ("beam", {**BEAM, "beam_width": [17]}, "beam_width: expected 1 to 16, or 0. Received: 17."),
        ("beam", {**BEAM, "nbest": [2]}, "nbest: expected 1 to `beam_width`. Received: 2."),
        ("beam", {**BEAM, "nbest": [0]}, "nbest: expected 1 to `beam_width`. Received: 0."),
        ("beam", {**BEAM, "length_penalty": [np.nan]}, "length_penalty: expected 0 to 8"),
    ],
)
def test_a_refused_row_returns_its_error(signatures, name, inputs, expected):
    """The other rows, which a server may have merged with it, are not affected."""
    good = {"text": ["abc"], "source": ["abc"], "target": ["xyz"], **BEAM}
    inputs = {"text": ["a"], **inputs} if name == "beam" else inputs
    merged = ask(signatures[name], **{key: good[key] + value for key, value in inputs.items()})
    alone = ask(signatures[name], **{key: good[key] for key in inputs})
    assert merged["error"][0] == b""
    assert expected in merged["error"][1].decode()
    for key, array in alone.items():
        first = merged[key][tuple(slice(size) for size in array.shape)]
        if array.dtype == object:
            assert first.tolist() == array.tolist()
        else:
            np.testing.assert_allclose(first, array, atol=1e-5)
    if "score" in merged:
        assert (merged["score"][1:] == -1e9).all()
        assert set(merged.get("text", np.array([b""]))[1:].flat) <= {b""}


def test_a_beam_width_of_0_means_the_models_own_width(variant, signatures):
    settings, count = variant.codec.settings, len(TEXTS)
    outputs = ask(
        signatures["beam"],
        text=TEXTS,
        beam_width=[0] * count,
        length_penalty=[-1.0] * count,
        nbest=[1] * count,
    )
    expected = variant(TEXTS, beam_width=settings.beam_width)
    assert_same(list(read_answer(TEXTS, outputs)), expected)


def test_the_manifest_lists_the_operators_that_are_required(variant, saved_model):
    # `tf.raw_ops` lists the operators TensorFlow was built with, not those imported later.
    graph = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    definition = graph.meta_graphs[0].graph_def
    nodes = [*definition.node]
    nodes += [node for function in definition.library.function for node in function.node_def]
    functions = {function.signature.name for function in definition.library.function}
    operators = {node.op for node in nodes} - functions
    listed = check_manifest(saved_model)["operators"]
    assert "LookupTableImportV2" in operators  # this operator runs outside the signatures
    core = {name for name in operators if hasattr(tf.raw_ops, name)}
    assert "LookupTableFindV2" in core
    assert set(listed.pop("TensorFlow")) == core
    subwords = variant.codec.source.name == "subword"
    assert list(listed) == (["TensorFlow Text"] if subwords else [])
    assert set().union(*listed.values()) == operators - core


def test_the_manifest_states_how_many_steps_a_state_has_room_for(variant, saved_model):
    room = 12 if variant.model.settings.decoder == "transformer" else None
    assert check_manifest(saved_model)["max_steps"] == room


def test_weights_are_stored_once(variant, saved_model):
    stored = sum(path.stat().st_size for path in (saved_model / "variables").iterdir())
    weights = sum(4 * int(np.prod(weight.shape)) for weight in variant.model.weights)
    assert stored < weights + 20_000


def test_an_export_frees_its_graphs(tmp_path):
    normalize(tf.constant(["abc"]))  # all exports of a process share this graph
    before = live_graphs()
    variant = VARIANTS["fixed vector"]()
    loaded = SavedModelTranslator.load(export_saved_model(variant, tmp_path))
    assert loaded("abc").text == variant("abc").text
    del loaded, variant
    assert live_graphs() <= before


@pytest.mark.parametrize("compute", ["mixed_float16", "mixed_bfloat16"])
def test_an_export_computes_in_16_bits_if_requested(compute, words, tmp_path):
    folder = export_saved_model(words, tmp_path, compute=compute)
    loaded = SavedModelTranslator.load(folder)
    assert loaded.manifest["compute"] == compute
    encode = loaded._signatures["encode"]
    assert encode.structured_outputs["values"].dtype.name == compute.removeprefix("mixed_")
    pairs = list(zip(loaded(TEXTS), words(TEXTS), strict=True))
    equal = [(one, other) for one, other in pairs if one.text == other.text]
    assert len(equal) > len(pairs) / 2
    for one, other in equal:
        assert one.alignment.dtype == "float32"
        assert one.score == pytest.approx(other.score, rel=0.05)
