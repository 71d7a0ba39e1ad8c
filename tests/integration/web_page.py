"""Helpers of the tests of a model's web page: serve it, open it, and read what it shows."""

import json
import threading
from contextlib import contextmanager

from keras_attention.export.web.page_server import PageServer


@contextmanager
def served(folder):
    with PageServer(0) as server:
        threading.Thread(target=server.serve, args=(folder,), daemon=True).start()
        yield server.address
        server.shutdown()


def open_page(window, address):
    window.events.clear()
    window.do("Page.navigate", url="about:blank")
    window.do("Page.navigate", url=address)
    window.until("document.readyState === 'complete' && location.protocol !== 'about:'")
    window.until("!document.querySelector('#status').textContent.startsWith('Loading')")
    return settle(window)


def settle(page):
    """Wait until the page shows the output and all hypotheses."""
    page.until("document.querySelector('#result').ariaBusy !== 'true'")
    return page


def enter(page, text):
    page.ask(
        f"document.querySelector('#source').value = {json.dumps(text)};"
        "document.querySelector('#form').requestSubmit()"
    )


def translate(page, text):
    enter(page, text)
    settle(page)
    return shown(page)


def shown(page):
    """Return the output that the page shows, or ""."""
    return page.text("#text") if visible(page, "#result") else ""


def visible(page, selector):
    return page.ask(f"document.querySelector('{selector}').checkVisibility()")


def texts(page, selector):
    return page.ask(f"[...document.querySelectorAll('{selector}')].map((node) => node.textContent)")
