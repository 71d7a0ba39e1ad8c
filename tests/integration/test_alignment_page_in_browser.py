"""The alignment page in a headless Chromium, with mouse, keyboard and screen reader."""

import socket

import numpy as np
import pytest
from browser import colour, contrast, rgb

from keras_attention import write_alignment_page
from keras_attention.translation.result import Hypothesis, Translation


def translation(source, *outputs):
    """Return a translation of source tokens; `outputs` are tokens with their weights in percent."""
    hypotheses = [
        Hypothesis(" ".join(tokens[:-1]), -0.5 * rank, tokens, np.array(shares, "float32") / 100)
        for rank, (tokens, shares) in enumerate(outputs, start=1)
    ]
    return Translation(" ".join(source[:-1]), source, tuple(hypotheses))


END = "</s>"
LONG = ("Donaudampfschifffahrtsgesellschaftskapitän",) * 70
SENTENCES = [
    translation(
        ("m", "a", "m", END),
        (("2", "0", END), [[61, 20, 19, 0], [3, 4, 93, 0], [0, 0, 0, 100]]),
        (("2", END), [[0.4, 99.6, 0, 0], [0, 0, 30, 70]]),
    ),
    translation(
        ("ذهبت", "أمس", END),
        (("나는", "갔다", END), [[10, 80, 10], [80, 15, 5], [0, 0, 100]]),
        (("سلام", END), [[100, 0, 0], [0, 0, 100]]),
    ),
    translation(("a", END), (("b", END), np.zeros((2, 2)))),
    Translation("", (), (Hypothesis("", 0.0, (), np.zeros((0, 0), "float32")),)),
    translation(
        ("</script><img src=//a.b>", " ", "🦜", END),
        (("<b>&amp;</b>", END), [[90, 10, 0, 0], [0, 0, 50, 50]]),
    ),
    translation((*LONG, END), ((*LONG, END), 100 * np.eye(71))),
    *[translation((f"Line {n}", END), ((f"out {n}", END), 100 * np.eye(2))) for n in range(14)],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    write_alignment_page(SENTENCES, folder / "many.html", title="Many")
    write_alignment_page(SENTENCES[:1], folder / "one.html")
    write_alignment_page([], folder / "none.html")
    return folder


@pytest.fixture
def page(window, folder):
    """Open the page of many sentences in a wide, light window, with the pointer outside it."""
    window.set_window()
    window.point_at("html")
    window.open(folder / "many.html")
    yield window
    assert not complaints(window)


def complaints(window):
    """Return errors of the page's script, and requests that its policy has refused."""
    wrong = {"Runtime.exceptionThrown", "Log.entryAdded"}
    return [event for event in window.events if event.get("method") in wrong]


def token(row, index):
    return f'.token[data-row="{row}"][data-index="{index}"]'


def lit(page, row):
    """Return the highlighted tokens of a row: number, label, and description for screen readers."""
    return page.ask(
        f"""[...document.querySelectorAll('.token.lit[data-row="{row}"]')].map((each) =>
        [Number(each.dataset.index), each.lastChild.textContent, each.ariaDescription])"""
    )


def focused(page):
    """Return the row and the number of the token that has the focus."""
    place = page.ask("({...document.activeElement.dataset})")
    return place.get("row"), int(place.get("index", -1))


def plain(text):
    return text.replace("\u00a0", " ")


def summary(page):
    return plain(page.text("#summary"))


def test_pointing_at_a_target_highlights_its_sources(page):
    page.point_at(token(0, 0))
    assert [[n, plain(share), plain(more)] for n, share, more in lit(page, "source")] == [
        [0, "61 %", "61 %"],
        [1, "20 %", "20 %"],
        [2, "19 %", "19 %"],
    ]
    assert summary(page) == "'2' attends to 'm' #1 61 %, 'a' 20 %, 'm' #3 19 %"
    page.point_at(token(0, 1))
    assert [n for n, *_ in lit(page, "source")] == [0, 1, 2]
    assert summary(page) == "'0' attends to 'm' #3 93 % and 2 with smaller weights"
    page.point_at("h1")
    assert (lit(page, "source"), summary(page)) == ([], "")


def test_a_larger_weight_has_a_stronger_colour(page):
    page.set_window(prefers_reduced_motion="reduce")
    page.point_at(token(0, 0))
    shades = [opacity(page, token("source", index)) for index in range(4)]
    assert shades[0] > 0.6 > 0.4 > shades[1] > shades[2] > 0.1 and shades[3] == 0


def opacity(page, selector):
    colour = page.ask(f"getComputedStyle(document.querySelector('{selector}')).backgroundColor")
    return float(colour.split("/")[-1].strip(" )")) if "/" in colour else rgb(colour)[3]


def test_pointing_at_a_source_highlights_targets_in_all_hypotheses(page):
    page.point_at(token("source", 1))
    assert [plain(share) for _, share, _ in lit(page, 0)] == ["20 %", "4 %"]
    assert [plain(share) for _, share, _ in lit(page, 1)] == ["100 %"]
    assert summary(page) == (
        "'a' is attended to in hypothesis 1 by '2' 20 % and 1 with smaller weights; "
        "is attended to in hypothesis 2 by '2' 100 %"
    )
    page.point_at(token("source", 0))
    assert summary(page).endswith("; is not attended to in hypothesis 2")
    page.point_at(".matrix tbody tr:nth-child(2) th")
    assert summary(page) == "'0' attends to 'm' #3 93 % and 2 with smaller weights"


def test_hypotheses_are_shown_next_to_each_other(page):
    boxes = page.ask(
        """[...document.querySelectorAll(".hypothesis")].map((each) => {
        const {x, y, right} = each.getBoundingClientRect(); return [x, y, right]; })"""
    )
    (left, top, right), (next_left, next_top, _) = boxes
    assert top == next_top and left < right < next_left
    headings = page.ask("[...document.querySelectorAll('h3')].map((each) => each.textContent)")
    assert headings == ["Hypothesis 1 log-probability −0.5", "Hypothesis 2 log-probability −1"]


def test_tab_and_arrow_keys_move_from_token_to_token(page):
    page.ask("document.querySelector('#next').focus()")
    page.press("Tab")
    assert focused(page) == ("source", 0) and summary(page).startswith("'m' #1 is attended")
    page.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    assert focused(page) == ("source", 3)
    page.press("Home", "ArrowLeft", "End", "ArrowLeft")
    assert focused(page) == ("source", 2)
    page.press("ArrowDown")  # moves to the target with the largest weight
    assert focused(page) == ("0", 1)
    assert summary(page) == "'0' attends to 'm' #3 93 % and 2 with smaller weights"
    page.press("Home", "ArrowUp")
    assert focused(page) == ("source", 0)
    page.press("Tab")  # Tab stops once in each row, at its last focused token
    assert focused(page) == ("0", 0)
    page.press("Tab", "Tab", "Tab")  # passes the table of weights and its summary line
    assert focused(page) == ("1", 0)
    page.press("ArrowUp", "ArrowDown")
    assert focused(page) == ("1", 0)  # returns to the same hypothesis
    page.press("Escape")
    assert focused(page) == (None, -1) and not lit(page, "source") and not summary(page)


def test_the_focused_token_is_highlighted_again_when_the_pointer_leaves(page):
    page.click(token(0, 0))
    assert focused(page) == ("0", 0)
    page.point_at(token(0, 2))
    assert summary(page) == "'</s>' attends to '</s>' 100 %"
    page.point_at("h1")
    assert summary(page).startswith("'2' attends to 'm' #1 61 %")


def test_a_tap_focuses_and_highlights_a_token(page):
    page.do("Emulation.setTouchEmulationEnabled", enabled=True)
    place = page.point_at("h1") and page.ask(
        f"""(() => {{ const box = document.querySelector('{token(0, 1)}').getBoundingClientRect();
        return {{x: box.x + 5, y: box.y + 5}}; }})()"""
    )
    page.do("Input.dispatchTouchEvent", type="touchStart", touchPoints=[place])
    page.do("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.do("Emulation.setTouchEmulationEnabled", enabled=False)
    assert focused(page) == ("0", 1) and summary(page).startswith("'0' attends to")


def test_arrow_keys_follow_text_written_from_right_to_left(page):
    page.press("PageDown")
    page.ask(f"document.querySelector('{token('source', 0)}').focus()")
    page.press("ArrowLeft")
    assert focused(page) == ("source", 1)
    page.press("ArrowRight", "ArrowRight")
    assert focused(page) == ("source", 0)
    page.press("ArrowDown")
    assert focused(page) == ("0", 1)  # Korean is written from left to right
    page.press("ArrowRight")
    assert focused(page) == ("0", 2)
    page.click(token(0, 0))
    assert summary(page) == "'나는' attends to 'أمس' 80 %, 'ذهبت' 10 %, '</s>' 10 %"
    lefts = [
        page.ask(f"document.querySelector('{token('source', n)}').getBoundingClientRect().x")
        for n in range(3)
    ]
    assert lefts == sorted(lefts, reverse=True)


def test_keys_and_buttons_change_the_sentence(page):
    def heading():
        return page.text("#heading")

    assert heading() == "Sentence 1 of 20"
    page.press("PageUp")
    assert heading() == "Sentence 1 of 20"
    page.press("PageDown")
    assert heading() == "Sentence 2 of 20" and summary(page) == "Sentence 2 of 20: ذهبت أمس"
    page.click("#next")
    page.click("#previous")
    assert heading() == "Sentence 2 of 20"
    page.click(token(1, 1))
    page.press("PageUp")
    assert focused(page) == ("1", 0)  # the same row of another sentence
    page.press("PageDown", "PageDown")
    assert focused(page) == ("source", 0)  # this sentence has no such row
    page.press(*["PageDown"] * 30)
    assert heading() == "Sentence 20 of 20"
    disabled = "document.querySelector('#next').ariaDisabled"
    assert page.ask(disabled) == "true" and page.text("#count") == "16 to 20 of 20"


def test_the_list_shows_sentences_page_by_page(page):
    def shown():
        return page.ask("[...document.querySelectorAll('#list bdi')].map((e) => e.textContent)")

    assert len(shown()) == 15 and shown()[:4] == ["m a m", "ذهبت أمس", "a", "(empty)"]
    page.click("#later")
    assert shown() == [f"Line {n}" for n in range(9, 14)]
    assert page.text("#heading") == "Sentence 1 of 20"  # only the list has changed
    page.click("#later")
    assert shown()[0] == "Line 9"
    page.click("#list li:nth-child(2) button")
    assert page.text("#heading") == "Sentence 17 of 20"
    page.press("ArrowUp", "ArrowUp")
    assert page.text("#heading") == "Sentence 15 of 20" and len(shown()) == 15
    current = "document.activeElement.ariaCurrent + document.activeElement.textContent"
    assert page.ask(current) == "true15Line 8"
    page.click("#later")
    page.click("#earlier")
    assert shown()[0] == "m a m"


def test_the_list_can_be_filtered_by_source_or_output(page):
    page.click("#filter")
    page.type("LINE 1")
    assert page.text("#count") == "1 to 5 of 5"
    assert page.text("#heading") == "Sentence 8 of 20"
    page.press(
        "PageDown", "PageDown"
    )  # moves among the matching sentences, also from the filter field
    assert page.text("#heading") == "Sentence 18 of 20"
    assert page.ask("document.activeElement.id") == "filter"
    page.type("x")
    assert page.text("#count") == "No sentence matches the filter."
    assert page.text("#heading") == "Sentence 18 of 20"
    page.ask("document.querySelector('#filter').select()")
    page.type("갔다")
    assert page.text("#heading") == "Sentence 2 of 20"
    page.press("PageDown", "PageUp")
    assert page.text("#heading") == "Sentence 2 of 20"


def test_a_screen_reader_gets_names_and_descriptions(page):
    page.click(token(0, 0))
    told = page.accessible()
    names = {role: [name for r, name, *_ in told if r == role] for role, *_ in told}
    assert names["navigation"] == ["Sentences"] and len(names["main"]) == 1
    assert names["searchbox"] == ["Filter by source or output"]
    assert names["heading"][:2] == ["Many", "Sentence 1 of 20"]
    assert names["listbox"] == ["Source tokens", "Hypothesis 1, tokens", "Hypothesis 2, tokens"]
    assert names["option"] == ["m", "a", "m", END, "2", "0", END, "2", END]
    assert names["table"][0].startswith("Hypothesis 1: weights in per cent")
    assert names["columnheader"] == ["m", "a", "m", END] and names["rowheader"] == ["2", "0", END]
    options = [(plain(more), each.get("selected")) for r, _, more, each in told if r == "option"]
    assert options[:5] == [
        ("61 %", False),
        ("20 %", False),
        ("19 %", False),
        ("", False),
        ("", True),
    ]
    (live,) = [each for *_, each in told if each.get("live") == "polite" and "atomic" in each][-1:]
    assert live["live"] == "polite"
    disabled = {name: each.get("disabled", False) for r, name, _, each in told if r == "button"}
    wanted = {"Earlier": True, "Later": False, "Previous": True, "Next": False, "1 m a m": False}
    assert wanted.items() <= disabled.items()


def test_a_space_is_shown_with_a_name(page):
    page.press(*["PageDown"] * 4)
    page.point_at(token(0, 0))
    assert summary(page) == "'<b>&amp;</b>' attends to '</script><img␣src=//a.b>' 90 %, space 10 %"
    assert "space" in [name for role, name, *_ in page.accessible() if role == "option"]
    assert page.text("#view .text") == "</script><img src=//a.b>   🦜"


def test_the_summary_reports_missing_attention_and_missing_tokens(page):
    page.press("PageDown", "PageDown")
    assert "No attention: every weight is 0." in page.text("#view")
    page.click(token(0, 0))
    assert summary(page) == "'b' attends to nothing" and not page.ask(
        "document.querySelector('table')"
    )
    page.press("ArrowUp", "Escape", "PageDown")
    view = page.text("#view")
    assert "The source has no tokens." in view and "The output has no tokens." in view


def test_each_hypothesis_has_a_table_of_weights(page):
    rows = "[...document.querySelectorAll('tbody tr')].map((each) => each.innerText)"
    assert [row.split() for row in page.ask(rows)] == [
        ["2", "61", "20", "19", "0"],
        ["0", "3", "4", "93", "0"],
        [END, "0", "0", "0", "100"],
    ]
    page.ask("document.addEventListener('toggle', () => (window.turned = true), true)")
    for n in (2, 1):
        page.ask("window.turned = false")
        page.click(f".hypothesis:nth-child({n}) summary")
        page.until("window.turned")
    assert page.ask("document.querySelectorAll('table').length") == 2
    page.press("PageDown")  # an open table stays open
    opened = "[...document.querySelectorAll('details')].map((each) => each.open)"
    assert page.ask(opened) == [False, True]


def test_a_large_table_is_built_only_when_it_is_opened(page):
    opened = "document.querySelector('details').open"
    page.press(*["PageDown"] * 5)
    assert page.ask(opened) is False and not page.ask("document.querySelector('table')")
    page.press("PageDown")
    assert page.ask(opened) is True
    page.press("PageUp")
    page.click("summary")
    page.until("document.querySelectorAll('td').length === 71 * 71 + 1")


def test_the_page_works_offline_and_blocks_the_network(page):
    asked = [e["params"]["request"]["url"] for e in page.events if "request" in e.get("params", {})]
    assert [url.split(":")[0] for url in asked] == ["file"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert page.ask(f"fetch('{url}').catch((error) => error.name)") == "TypeError"
        page.ask(
            f"new Promise((done) => Object.assign(new Image(), {{onerror: done, src: '{url}'}}))"
        )
        with pytest.raises(TimeoutError):
            server.accept()
    refused = complaints(page)
    assert refused and all("Content Security" in str(each) for each in refused)
    page.events.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page, scheme):
    """The contrast is at least 4.5: Web Content Accessibility Guidelines 2.2, criterion 1.4.3."""
    page.set_window(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    paper = rgb(colour(page, "body", "backgroundColor"))
    assert (sum(paper[:3]) > 600) == (scheme == "light")
    for selector in ("body", "#help", "#previous", "td.zero", "h3 span", "summary"):
        assert contrast(page, selector, paper) > 4.5
    page.click(token(0, 2))
    for selector in (token("source", 3), token(0, 2), "#summary"):
        assert contrast(page, selector, paper) > 4.5


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_page_fits_a_narrow_window(page, width):
    page.set_window(width=width)
    for _ in SENTENCES[:6]:
        assert page.ask("document.scrollingElement.scrollWidth") == width
        page.press("PageDown")


def test_the_source_stays_visible_and_does_not_cover_the_focus(page):
    page.set_window(width=360, height=700)
    page.press(*["PageDown"] * 5)
    page.click(token(0, 50))
    page.press("ArrowRight", "ArrowUp", "ArrowDown")
    assert focused(page) == ("0", 51)
    assert in_sight(page, token(0, 51)) and in_sight(page, token("source", 51))
    page.press("Home")
    assert in_sight(page, token(0, 0)) and in_sight(page, token("source", 0))


def in_sight(page, selector):
    """Return whether no other element covers the middle of an element."""
    return page.ask(
        f"""(() => {{
        const node = document.querySelector('{selector}');
        const box = node.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        return node.contains(document.elementFromPoint(x, y)); }})()"""
    )


def test_animation_respects_the_preference_for_reduced_motion(page):
    for wish, seconds in (("no-preference", "0.12s"), ("reduce", "0s")):
        page.set_window(prefers_reduced_motion=wish)
        assert colour(page, ".token", "transitionDuration") == seconds


def test_the_printed_page_has_no_buttons(page):
    page.set_window(media="print")
    hidden = "(selector) => document.querySelector(selector).checkVisibility()"
    for selector, visible in {"nav": False, "#next": False, "h1": True, "table": True}.items():
        assert page.ask(f"({hidden})('{selector}')") == visible


def test_a_page_of_one_sentence_has_no_list(page, folder):
    page.open(folder / "one.html")
    hidden = "(selector) => document.querySelector(selector).checkVisibility()"
    assert not page.ask(f"({hidden})('nav')") and not page.ask(f"({hidden})('#next')")
    assert page.text("#heading") == "Sentence"
    page.point_at(token(1, 0))
    assert summary(page) == "'2' attends to 'a' 100 %"
    page.open(folder / "none.html")
    assert page.text("#view") == "There are no sentences on this page."


def test_without_scripts_the_page_shows_a_note(page, folder):
    page.do("Emulation.setScriptExecutionDisabled", value=True)
    page.open(folder / "one.html")
    page.do("Emulation.setScriptExecutionDisabled", value=False)
    assert any("needs JavaScript, which is disabled" in name for _, name, *_ in page.accessible())
