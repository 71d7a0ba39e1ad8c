"""Check that a TFLite file runs in an environment without TensorFlow, as on a device.

    python on_device.py MODEL.tflite < lines

The environment has only keras-attention-device and the packages that it requires. `.ci/run` starts
this script. It is not a pytest test, because a device does not have pytest.
"""

import importlib.util
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ABSENT = (
    *("tensorflow", "tensorflow_text", "keras", "keras_attention", "jax", "torch"),
    *("sentencepiece", "typer"),
)
UNCOUNTED = ("pip", "setuptools", "pkg_resources", "_distutils_hack")

PROGRAM = "from keras_attention_device.export import DeviceTranslator as D; "
PROGRAM += "import sys; print(D.load(sys.argv[1])(sys.argv[2:])[0].text)"


def main(path: str) -> None:
    """Print the translations of stdin, check beams and streaming, and report size and time."""
    found = [name for name in ABSENT if importlib.util.find_spec(name)]
    expect(not found, f"an environment without {', '.join(found)}")
    from keras_attention_device.export import DeviceTranslator

    translator, lines = DeviceTranslator.load(path, threads=2), sys.stdin.read().splitlines()
    for line, translation in zip(lines, translator(lines), strict=True):
        (beams,), streamed = translator([line], beam=True), list(translator.stream(line))
        width = translator.manifest["beam_width"] if len(translation.source_tokens) > 1 else 1
        expect(len(beams.hypotheses) == width, f"{width} hypotheses")
        expect(
            (streamed[-1].text if streamed else "") == translation.text,
            "the same text from `stream` and from a call",
        )
        print(translation.text)
    print(f"installed: {megabytes(Path(sysconfig.get_path('purelib'))):.0f} MB", file=sys.stderr)
    print(f"time to the first translation: {start_time(path, lines[0]):.2f} s", file=sys.stderr)


def expect(holds: bool, what: str) -> None:
    """Exit with an error if the condition does not hold."""
    if not holds:
        sys.exit(f"expected {what}.")


def megabytes(folder: Path) -> float:
    """Return the size of the installed packages in megabytes, not counting pip and its helpers."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    counted = [
        file for file in files if not file.relative_to(folder).parts[0].startswith(UNCOUNTED)
    ]
    return sum(file.stat().st_size for file in counted) / 1e6


def start_time(path: str, line: str) -> float:
    """Return the seconds that a new process takes to translate a line: the fastest of five runs."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", PROGRAM, path, line], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main(sys.argv[1])
