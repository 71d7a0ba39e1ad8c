"""A headless Chromium, controlled through its DevTools protocol over a pipe.

This requires no open port and no other package.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REPOSITORY = Path(__file__).parents[1]
_SECONDS = 60
_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # containers have no sandbox, and the browser opens only our own pages
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
# The browser reads commands from file descriptor 3 and writes answers to 4.
_HAND_OVER = """
import os, sys
commands, answers = map(int, sys.argv[1:3])
spare = [os.dup(commands), os.dup(answers)]
while min(spare) < 5:
    spare = [os.dup(each) for each in spare]
os.dup2(spare[0], 3)
os.dup2(spare[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_KEYS = {"Escape": 27, "Tab": 9, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "Enter": 13}
_KEYS |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def find_browser():
    """Return the path of a Chromium, or None; the variable CHROMIUM has priority."""
    found = map(shutil.which, (os.environ.get("CHROMIUM", ""), *NAMES))
    return next(filter(None, found), None)


def find_runtime():
    """Return the folder in which npm installed LiteRT.js, or None; LITERT_JS has priority."""
    folder = Path(os.environ.get("LITERT_JS") or REPOSITORY)
    return folder if (folder / "node_modules" / "@litertjs" / "core").is_dir() else None


@contextmanager
def browser(folder):
    """Start a browser that writes its files to `folder`, and yield a page."""
    options = [*_OPTIONS, f"--user-data-dir={folder}"]
    read_commands, commands = os.pipe()
    answers, write_answers = os.pipe()
    ends = (read_commands, write_answers)
    program = [sys.executable, "-Sc", _HAND_OVER, *map(str, ends), find_browser(), *options]
    log = Path(folder, "stderr.log")
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            program, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=errors
        ) as process,
    ):
        for end in ends:
            os.close(end)
        try:
            yield Page(commands, answers)
        finally:
            os.close(commands)  # this ends the browser
            os.close(answers)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


class Page:
    """A page. `do` sends a command of the protocol, and `ask` evaluates an expression.

    `events` holds the events that the browser has sent, such as requests and errors.
    """

    def __init__(self, commands, answers):
        self._commands, self._answers = commands, answers
        self._read, self._count, self._session = b"", 0, {}
        self.events = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.do(f"{domain}.enable")

    def do(self, method, **parameters):
        """Send one command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, method):
        """Wait for an event with this name, and return it; other events stay in `events`."""
        while True:
            for event in self.events:
                if event.get("method") == method:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._next())

    def open(self, path):
        """Load a file and clear the events of earlier pages."""
        self.events.clear()
        self.do("Page.navigate", url=Path(path).as_uri())
        self.wait_for("Page.loadEventFired")

    def ask(self, expression):
        """Return the value of a JavaScript expression; wait if it is a promise."""
        answer = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression):
        """Wait until an expression is true."""
        deadline = time.monotonic() + _SECONDS
        while not self.ask(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true within {_SECONDS} s: {expression}")
            time.sleep(0.01)

    def text(self, selector):
        """Return the text of the first element that matches the selector."""
        return self.ask(f"document.querySelector({json.dumps(selector)}).textContent")

    def point_at(self, selector):
        """Move the mouse to the middle of an element, and return that position."""
        middle = f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{block: "center"}});
            const box = node.getBoundingClientRect();
            return {{x: box.x + box.width / 2, y: box.y + box.height / 2}};
        }})()"""
        place = self.ask(middle)
        self.do("Input.dispatchMouseEvent", type="mouseMoved", **place)
        return place

    def click(self, selector):
        """Click on the middle of an element."""
        place = self.point_at(selector)
        for kind in ("mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1, **place}
            self.do("Input.dispatchMouseEvent", type=kind, **button)

    def press(self, *keys):
        """Press keys one after the other."""
        for key in keys:
            code = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
            self.do("Input.dispatchKeyEvent", type="rawKeyDown", **code)
            self.do("Input.dispatchKeyEvent", type="keyUp", **code)

    def type(self, text):
        """Type text into the element that has the focus."""
        self.do("Input.insertText", text=text)

    def set_window(self, width=1280, height=900, media="screen", **features):
        """Set the window's size in pixels, its medium, and features such as the colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.do("Emulation.setDeviceMetricsOverride", **size)
        emulated = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.do("Emulation.setEmulatedMedia", media=media, features=emulated)

    def accessible(self):
        """Return the nodes that a screen reader reads: `(role, name, description, properties)`."""
        nodes = self.do("Accessibility.getFullAXTree")["nodes"]
        return [
            (
                node["role"]["value"],
                node.get("name", {}).get("value", ""),
                node.get("description", {}).get("value", ""),
                {each["name"]: each["value"].get("value") for each in node.get("properties", [])},
            )
            for node in nodes
            if not node["ignored"]
        ]

    def picture(self, path):
        """Save a screenshot of the window as a PNG file."""
        Path(path).write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def _next(self):
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._read:
            if not select.select([self._answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"the browser sent nothing for {_SECONDS} s")
            if not (more := os.read(self._answers, 1 << 16)):
                raise EOFError("the browser has exited")
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


def colour(page, selector, what):
    """Return a colour or another computed style of the first element that matches."""
    return page.ask(f"getComputedStyle(document.querySelector('{selector}')).{what}")


def rgb(text):
    """Return red, green and blue from 0 to 255, and the opacity from 0 to 1."""
    parts = [float(part) for part in text[text.index("(") + 1 : -1].replace("/", ",").split(",")]
    return (*parts, 1.0)[:4]


def contrast(page, selector, paper):
    """Return the contrast of an element's text with its background on a page of colour `paper`."""
    *under, share = rgb(colour(page, selector, "backgroundColor"))
    ground = [share * c + (1 - share) * p for c, p in zip(under, paper, strict=False)]
    lights = sorted(map(_luminance, (ground, rgb(colour(page, selector, "color"))[:3])))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colours):
    """Return the relative luminance of an sRGB colour, as WCAG defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.divide(colours, 255)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
