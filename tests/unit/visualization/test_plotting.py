"""Alignments are shown as pictures and as text. Curves show metrics by epoch."""

import doctest
import pickle
import subprocess
import sys
import unicodedata

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from keras_attention.errors import InputError
from keras_attention.translation.result import Hypothesis, Translation
from keras_attention.visualization import figure_style, fonts, plotting
from keras_attention.visualization.alignment_text import format_alignment
from keras_attention.visualization.plotting import plot_alignment, plot_curves

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def translation(source, *targets, weights=None):
    """Return a translation of character tokens; by default, token t attends to source token t."""
    sources = (*source, "</s>")
    hypotheses = []
    for target in targets:
        tokens = (*target, "</s>")
        diagonal = np.eye(len(tokens), len(sources), dtype="float32")
        alignment = diagonal if weights is None else np.asarray(weights, "float32")
        hypotheses.append(Hypothesis("".join(target), -1.0, tokens, alignment))
    return Translation("".join(source), sources, tuple(hypotheses))


def labels(figure):
    axes = figure.axes[0]
    return (
        [label.get_text() for label in axes.get_xticklabels()],
        [label.get_text() for label in axes.get_yticklabels()],
    )


def without_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_installed_faces", dict)
    monkeypatch.setattr(fonts, "_newly_installed_faces", dict)


def columns(text):
    """Return the width of a text in columns, independently of the code under test."""
    return sum(
        0
        if unicodedata.combining(character) or character == "\u200e"
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def test_columns_are_sources_rows_are_targets_and_colours_are_weights():
    figure = plot_alignment(translation("march 27", "03-27"))
    assert labels(figure) == ([*"march␣27", "</s>"], [*"03-27", "</s>"])
    image = figure.axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), np.eye(6, 9))
    assert image.get_clim() == (0, 1)
    assert figure.axes[0].get_title() == "march 27\n→ 03-27"
    assert figure.axes[0].xaxis.get_ticks_position() == "top"
    assert figure.axes[0].child_axes[0].get_ylabel() == "weight"


def test_any_hypothesis_can_be_plotted():
    figure = plot_alignment(translation("ab", "xy", "zw"), hypothesis=1)
    assert labels(figure)[1] == ["z", "w", "</s>"]
    assert format_alignment(translation("ab", "xy", "zw"), hypothesis=1).split()[3] == "z"


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
@pytest.mark.parametrize("hypothesis", [-1, 2])
def test_a_missing_hypothesis_is_rejected(draw, hypothesis):
    message = f"`hypothesis` must be from 0 to 1. Received: hypothesis={hypothesis}"
    with pytest.raises(ValueError, match=message):
        draw(translation("a", "b", "c"), hypothesis=hypothesis)


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
def test_a_hypothesis_index_requires_a_translation(draw):
    for other in (True, 0.0, "0", None):
        with pytest.raises(ValueError, match="^`hypothesis` must be an integer. Received: "):
            draw(translation("a", "b"), hypothesis=other)
    with pytest.raises(ValueError, match="^`hypothesis` must be 0 for a weights array; only a Tr"):
        draw(np.eye(1), hypothesis=1, source_tokens="a", target_tokens="b")


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
@pytest.mark.parametrize("shape", [(2, 3), (2,), (0, 2)])
def test_an_alignment_of_another_shape_is_rejected(draw, shape):
    with pytest.raises(ValueError, match=r"2 target tokens .* 2 source tokens"):
        draw(translation("a", "b", weights=np.ones(shape)))


def test_a_weights_array_is_drawn_with_labels():
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]], "float16")
    labelled = {"source_tokens": ["the", "cat", 3], "target_tokens": ("chat", "</s>")}
    figure = plot_alignment(weights, **labelled)
    assert labels(figure) == (["the", "cat", "3"], ["chat", "</s>"])
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), weights)
    assert figure.axes[0].get_title() == ""
    lines = format_alignment(weights.tolist(), **labelled, width=80).splitlines()
    assert lines[-2:] == ["chat ██░░", "</s> ░░▒▒▓▓"]


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
@pytest.mark.parametrize(
    ("weights", "tokens", "message"),
    [
        (np.eye(2), {}, "requires `source_tokens` and `target_tokens`. Received: ndarray without"),
        (np.eye(2), {"source_tokens": "ab"}, "requires `source_tokens` and `target_tokens`"),
        (np.eye(2)[None], "ab", r"2 target tokens .* 2 source tokens.* shape \(1, 2, 2\)"),
        ([[1.0, 2.0]] * 2, "ab", "weights must be from 0 to 1. Received: weights from 1 to 2"),
        ([[np.nan, 1.0]] * 2, "ab", "weights must be from 0 to 1. Received: weights from nan"),
        ("ab", "ab", "expected a Translation, or weights .* Received: str"),
    ],
)
def test_an_invalid_weights_array_is_rejected(draw, weights, tokens, message):
    if isinstance(tokens, str):
        tokens = {"source_tokens": tokens, "target_tokens": tokens}
    with pytest.raises(ValueError, match=message):
        draw(weights, **tokens)


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
def test_labels_are_rejected_for_a_translation(draw):
    with pytest.raises(ValueError, match="require a weights array. Received: a Translation"):
        draw(translation("a", "b"), source_tokens="ab")


def test_a_notebook_shows_a_new_figure():
    drawn = plot_alignment(translation("a", "b")), plot_curves({"a": [1.0]}, ylabel="share")
    for figure in drawn:
        assert figure._repr_png_().startswith(SIGNATURES["png"])
        assert pickle.loads(pickle.dumps(figure))._repr_png_().startswith(SIGNATURES["png"])


def test_invisible_characters_are_shown():
    source = [" ", "\t", "\n", "\u200b", "\xa0", "\u3000", "\ufe0f", "\u3164", "\u0301", "a\u0301"]
    figure = plot_alignment(translation(source, "x"))
    assert labels(figure)[0][:-1] == [
        "␣",
        "\\t",
        "\\n",
        "\\u200b",
        "\\xa0",
        "\\u3000",
        "\\ufe0f",
        "\\u3164",
        "◌\u0301",
        "a\u0301",
    ]


def test_mathematical_markup_is_drawn_as_text(tmp_path):
    figure = plot_alignment(translation("$x_{ & $%^\\", "$1_$"), tmp_path / "a.png")
    axes = figure.axes[0]
    assert not any(text.get_parse_math() for text in (axes.title, *axes.get_xticklabels()))


@pytest.mark.filterwarnings("ignore:Glyph")  # the test pretends that fonts have all glyphs
def test_long_texts_and_tokens_are_shortened(monkeypatch):
    monkeypatch.setattr(fonts, "_glyphs", lambda path, index, characters: characters)
    figure = plot_alignment(translation(["w" * 200, "한" * 200], ["v" * 200]))
    across, down = labels(figure)
    assert across[:2] == ["w" * 12 + "…" + "w" * 11, "한" * 6 + "…" + "한" * 5] and (
        down[0] == "v" * 12 + "…" + "v" * 11
    )
    assert all(len(line) < 60 for line in figure.axes[0].get_title().split("\n"))


def test_figure_grows_with_the_tokens_and_labels_do_not_collide():
    sizes = []
    for count in (5, 30, 60, 600):
        figure = plot_alignment(translation("a" * count, "b"))
        figure.draw_without_rendering()
        shown = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
        boxes = [label.get_window_extent() for label in shown]
        assert all(left.x1 <= right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
        sizes.append(figure.get_figwidth())
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
    assert sizes[1] > 9 and sizes[2] < 16 and sizes[3] < 34


def test_labels_with_words_are_vertical_and_single_characters_are_not(monkeypatch):
    def rotations(source):
        figure = plot_alignment(translation(source, "x"))
        return [label.get_rotation() for label in figure.axes[0].get_xticklabels()]

    assert rotations(["two", "young", "of", "males"]) == [90] * 5
    assert rotations("text") == [0, 0, 0, 0, 90]
    without_fonts(monkeypatch)
    with pytest.warns(UserWarning):
        assert rotations(["나는", "어제", "학교에"]) == [90] * 4


def test_an_empty_source_can_be_drawn():
    figure = plot_alignment(translation("", ""))
    assert figure.axes[0].get_title() == "(empty)\n→ (empty)"
    assert labels(figure) == (["</s>"], ["</s>"])
    assert format_alignment(translation("", ""), width=80) == "     </s>\n</s> ██"


def test_zero_weights_are_labelled_as_no_attention():
    zeros = translation("ab", "c", weights=np.zeros((2, 3)))
    assert "no attention" in plot_alignment(zeros).axes[0].texts[0].get_text()
    assert format_alignment(zeros) == "(no attention: every weight is 0)"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_the_suffix_sets_the_format_and_no_other_file_remains(tmp_path, suffix):
    path = tmp_path / "new" / f"alignment.{suffix}"
    plot_alignment(translation("ab", "c"), path)
    assert path.read_bytes().startswith(SIGNATURES[suffix.lower()])
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", ".png", ""])
@pytest.mark.parametrize("draw", [plot_alignment, plot_curves])
def test_an_unknown_suffix_is_rejected(tmp_path, name, draw):
    what = {"ylabel": "y"} if draw is plot_curves else {}
    first = {"a": [1.0]} if draw is plot_curves else translation("a", "b")
    with pytest.raises(InputError, match=r"must be one of .png, .svg, .pdf. Received: '"):
        draw(first, tmp_path / name, **what)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_path_is_an_input_error(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match=r"a\.png"):
        plot_alignment(translation("a", "b"), tmp_path / "a.png")


def test_an_alignment_can_be_drawn_on_given_axes():
    figure = Figure(figsize=(8, 4))
    left, right = figure.subfigures(1, 2)
    axes = right.subplots()
    assert plot_alignment(translation("ab", "c"), axes=axes) is figure
    assert len(axes.images) == 1 and not left.axes
    assert tuple(figure.get_size_inches()) == (8, 4)


def test_characters_without_a_glyph_give_one_warning(monkeypatch, tmp_path):
    without_fonts(monkeypatch)
    korean = translation("오늘 날씨가 좋다", "nice")
    with pytest.warns(UserWarning) as caught:
        figure = plot_alignment(korean, tmp_path / "a.png")
        figure.savefig(tmp_path / "again.svg")
    assert len(caught) == 1 and caught[0].filename == __file__
    message = str(caught[0].message)
    assert "오 (U+C624)" in message and "Noto Sans CJK (fonts-noto-cjk)" in message
    assert labels(figure)[0] == [*"□□␣□□□␣□□", "</s>"]
    assert figure.axes[0].get_title() == "□□ □□□ □□\n→ nice"


@pytest.mark.parametrize(
    ("character", "package"),
    [("ก", "Noto Sans (fonts-noto-core)"), ("🦜", "Noto Emoji"), ("カ", "Noto Sans CJK")],
)
def test_the_warning_names_a_font_for_the_script(monkeypatch, character, package):
    without_fonts(monkeypatch)
    monkeypatch.setattr(fonts, "_glyphs", lambda path, index, characters: characters - {character})
    with pytest.warns(UserWarning) as caught:
        plot_alignment(translation(character, "x"))
    assert package in str(caught[0].message)


def test_an_installed_font_with_the_glyphs_is_used(monkeypatch):
    glyphs = {"sans": set("abc"), "cjk": set("한국"), "thai": set("ก"), "everything": set("한국ก")}
    faces = {name: (name, 0) for name in ("cjk", "thai", "everything")}
    monkeypatch.setattr(fonts, "_installed_faces", lambda: faces)
    monkeypatch.setattr(
        fonts,
        "_glyphs",
        lambda path, index, wanted: wanted & glyphs.get(path, wanted - set("한국ก")),
    )
    assert fonts._families_for(set("a한국ก")) == (["sans-serif", "everything"], set())
    del faces["everything"]
    assert fonts._families_for(set("a한국ก")) == (["sans-serif", "cjk", "thai"], set())
    assert fonts._families_for(set("a")) == (["sans-serif"], set())


def test_fonts_installed_after_matplotlib_made_its_list_are_found(monkeypatch):
    path = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path, "gone.ttf"])
    assert not fonts._installed_faces()
    assert fonts._newly_installed_faces()["DejaVu Sans"] == (path, 0)
    assert fonts._glyphs(path, 0, set("ab한")) == set("ab")
    assert fonts._glyphs("gone.ttf", 0, set("ab")) == set()


@pytest.mark.parametrize(("text", "region"), [("한語", "KR"), ("ひ語", "JP"), ("语", "SC")])
def test_a_font_of_the_region_is_preferred(text, region):
    names = [
        f"Noto {kind} CJK {end}" for kind in ("Serif", "Sans") for end in ("HK", "JP", "KR", "SC")
    ]
    best = fonts._best_family({name: set(text) for name in names}, set(text))
    assert best == f"Noto Sans CJK {region}"


def test_symbol_fonts_are_not_used_for_text():
    names = set(fonts._installed_faces())
    assert "DejaVu Sans" in names
    assert not {name for name in names if name.startswith(("Last", "cm", "STIXN", "STIXS"))}


def test_pictures_need_no_display_and_text_needs_no_matplotlib():
    code = """
import sys
sys.modules["matplotlib.pyplot"] = None
from keras_attention.visualization import alignment_text, plotting
from keras_attention.translation import result as translation
import numpy as np
best = translation.Hypothesis("b", 0.0, ("b",), np.ones((1, 1)))
result = translation.Translation("a", ("a",), (best,))
alignment_text.format_alignment(result)
assert "matplotlib" not in sys.modules
plotting.plot_alignment(result)
plotting.plot_curves({"a": [1]}, ylabel="y")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dates_fit_a_terminal_of_80_columns():
    text = format_alignment(translation("sunday, september 27, 1994 AD", "1994-09-27"), width=80)
    lines = text.split("\n")
    assert len(lines) == 12 and max(map(len, lines)) <= 80
    assert lines[0] == "     " + " ".join("sunday,␣september␣27,␣1994␣AD") + " </s>"
    assert [line.index("█") for line in lines[1:]] == [5 + 2 * row for row in range(11)]


def test_larger_weights_have_darker_shades():
    weights = [[0.04, 0.05, 0.25, 0.5, 0.75]] * 2
    text = format_alignment(translation("abcd", "x", weights=weights), width=80)
    assert text.split("\n")[1] == "x      ░░▒▒▓▓██"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("한국어 text", "日本"),
        (["q\u0307\u0323", "n", "\u0303", "e"], ["q\u0307", "한"]),
        ("سلام", "שלום"),
        (["나는", "went", "학교에"], ["ⓐ", "갔다"]),
    ],
)
def test_wide_characters_and_marks_stay_in_their_columns(source, target):
    shown = translation(source, target, weights=np.ones((len(target) + 1, len(source) + 1)))
    lines = format_alignment(shown, width=80).split("\n")
    rows, header = lines[-len(target) - 1 :], lines[: -len(target) - 1]
    margin = max(map(columns, [*target, "</s>"])) + 1
    assert all(columns(row.rstrip("█")) == margin for row in rows)
    assert all(row.endswith("██" * (len(source) + 1)) for row in rows)
    assert all(columns(line) <= margin + 2 * len(source) + 4 for line in header)


def test_long_source_tokens_are_written_downwards():
    text = format_alignment(translation(["two", "a", "한국"], "x"), width=80)
    assert text.split("\n")[:4] == [
        "           <",
        "     t     /",
        "     w   한s",
        "     o a 국>",
    ]


def test_a_matrix_with_narrow_cells_is_preferred_to_a_list():
    shown = translation("abcdefgh", "xy")
    assert format_alignment(shown, width=25).split("\n")[0] == "     a b c d e f g h </s>"
    assert format_alignment(shown, width=24).split("\n")[0] == "     abcdefgh</s>"
    assert format_alignment(shown, width=16).split("\n") == [
        "x    ← a 100%",
        "y    ← b 100%",
        "</s> ← c 100%",
    ]


def test_the_list_shows_the_sources_with_the_largest_weights():
    weights = [[0.1, 0.6, 0.26, 0.04], [0, 0, 0, 0], [0.01, 0.02, 0.02, 0.03]]
    shown = translation("eab", "xy", weights=weights)
    assert format_alignment(shown, width=10).split("\n")[1:] == ["y    ←", "</s> ← </…"]
    wide = translation("eae" + "-" * 80, "x", weights=np.eye(2, 84) * 0.5 + 0.1 * np.eye(2, 84, 2))
    assert format_alignment(wide, width=80).split("\n") == [
        "x    ← e#1 50%, e#3 10%",
        "</s> ← a 50%, -#4 10%",
    ]


def test_the_default_width_is_the_width_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "16")
    assert "←" in format_alignment(translation("abcdefgh", "x"))
    monkeypatch.setenv("COLUMNS", "100")
    assert "←" not in format_alignment(translation("abcdefgh", "x"))


def test_curves_are_drawn_by_epoch(tmp_path):
    curves = {"attention": [0.5, 0.98, 0.9996], "fixed_vector": [0.0, 0.1]}
    figure = plot_curves(curves, tmp_path / "a.png", ylabel="exact match", title="dates")
    axes = figure.axes[0]
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_xydata(), [(1, 0.5), (2, 0.98), (3, 0.9996)])
    assert len(second.get_xdata()) == 2
    assert first.get_marker() != second.get_marker()
    assert first.get_linestyle() != second.get_linestyle()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["attention: 99.96%", "fixed_vector: 10.00%"]
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1, 2, 3]
    assert axes.yaxis.get_major_formatter()(0.4) == "40%" and axes.get_ylim() == (0, 1)
    assert (axes.get_ylabel(), axes.get_title()) == ("exact match", "dates")
    assert (tmp_path / "a.png").read_bytes().startswith(SIGNATURES["png"])


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_epochs_are_whole_numbers(epochs):
    axes = plot_curves({"a": [0.5] * epochs}, ylabel="y").axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks and all(tick == int(tick) >= 1 for tick in ticks)


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "none"),
        ({"a": []}, "none for 'a'"),
        ({"a": [0.5, 99.9]}, "99.9 for 'a'"),
        ({"a": [float("nan")]}, "nan for 'a'"),
    ],
)
def test_invalid_curves_are_rejected(curves, message):
    with pytest.raises(ValueError, match=rf"`curves` .* Received: {message}\."):
        plot_curves(curves, ylabel="y")


def test_curve_names_without_glyphs_cause_a_warning(monkeypatch):
    without_fonts(monkeypatch)
    with pytest.warns(UserWarning, match="Noto Sans CJK") as caught:
        figure = plot_curves({"모델 $x$": [1]}, ylabel="정확", title="두\n줄")
    assert len(caught) == 1
    assert figure.legends[0].get_texts()[0].get_text() == "□□ $x$: 100.00%"
    assert figure.axes[0].get_title() == "□\n□"


def test_the_examples_in_docstrings_run():
    assert doctest.testmod(plotting).failed == 0


@pytest.mark.parametrize("draw", [plot_alignment, format_alignment])
def test_a_translation_without_hypotheses_is_rejected(draw):
    with pytest.raises(
        InputError, match="expected a hypothesis to display. Received: none for 'a'"
    ):
        draw(Translation("a", ("a", "</s>"), ()))


def is_inside(figure):
    """Return whether everything that is drawn, including texts, is inside the figure."""
    figure.draw_without_rendering()
    box, edge = figure.get_tightbbox(), figure.bbox_inches.padded(0.01)
    return edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a", "b"),
        (["Donaudampfschifffahrtsgesellschaft"] * 2, ["internationalisation" * 2]),
        ("september 27, 1994", "1994-09-27"),
        ("a" * 200, "b"),
        ("a", "b" * 120),
    ],
)
def test_no_text_of_an_alignment_is_cut_off(source, target):
    weights = np.zeros((len(target) + 1, len(source) + 1))
    weights[0, 0] = 1
    assert is_inside(plot_alignment(translation(source, target, weights=weights)))


def test_no_text_of_curves_is_cut_off():
    names = {"attention": [0.5], "a very long name of a model " * 5: [0.25]}
    figure = plot_curves(names, ylabel="exact match", title="a very long title " * 9)
    assert is_inside(figure)
    assert figure.legends[0].get_texts()[1].get_text().endswith(": 25.00%")


def test_panels_share_one_colour_bar(tmp_path):
    panels = {f"model {n}": translation("september 27", "09-27") for n in range(4)}
    figure = plotting.plot_panels(panels, tmp_path / "panels.png")
    *matrices, bar = figure.axes
    assert [axes.get_title() for axes in matrices] == list(panels)
    assert all(axes.images[0].get_clim() == (0, 1) for axes in matrices)
    assert bar.get_ylabel() == "weight" and not any(axes.child_axes for axes in matrices)
    assert is_inside(figure)
    with pytest.raises(ValueError, match="`panels` must contain at least one translation"):
        plotting.plot_panels({})


def test_colours_can_be_told_apart_by_lightness():
    def luminance(colour):
        return float(np.dot([0.2126, 0.7152, 0.0722], colour[:3]))

    shades = matplotlib.colormaps[figure_style.WEIGHT_COLOURS](np.linspace(0, 1, 20))
    values = [luminance(shade) for shade in shades]
    assert values == sorted(values, reverse=True) and values[0] > 0.95 and values[-1] < 0.2
    assert len(set(figure_style.LINE_COLOURS)) == 7
