"""What `.ci/run` runs with the Python of a device: a TFLite file where TensorFlow is not installed.

It is no test for pytest, which is not installed there either.

    python on_device.py MODEL.tflite < lines
"""

import importlib.util
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ABSENT = ("tensorflow", "tensorflow_text", "keras", "jax", "torch", "sentencepiece", "typer")
NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")

ONE = "from keras_attention.export.device.device_translator import DeviceTranslator as D; "
ONE += "import sys; print(D.load(sys.argv[1])(sys.argv[2:])[0].text)"


def main(path: str) -> None:
    """Translates in every way, and says how large and how fast all of it is."""
    found = [name for name in ABSENT if importlib.util.find_spec(name)]
    expect(not found, f"a device without {', '.join(found)}")
    from keras_attention.export.device.device_translator import DeviceTranslator

    translator, lines = DeviceTranslator.load(path, threads=2), sys.stdin.read().splitlines()
    for line, translation in zip(lines, translator(lines), strict=True):
        (beams,), streamed = translator([line], beam=True), list(translator.stream(line))
        width = translator.manifest["beam_width"] if len(translation.source_tokens) > 1 else 1
        expect(len(beams.hypotheses) == width, f"{width} beams")
        expect((streamed[-1].text if streamed else "") == translation.text, "streamed as at once")
        print(translation.text)
    print(f"installed: {megabytes(Path(sysconfig.get_path('purelib'))):.0f} MB", file=sys.stderr)
    print(f"first answer of a process: {first_answer(path, lines[0]):.2f} s", file=sys.stderr)


def expect(holds: bool, what: str) -> None:
    """Ends where something does not hold."""
    if not holds:
        sys.exit(f"expected {what}.")


def megabytes(folder: Path) -> float:
    """What is installed, without pip's own."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    ours = [file for file in files if not file.relative_to(folder).parts[0].startswith(NOT_OURS)]
    return sum(file.stat().st_size for file in ours) / 1e6


def first_answer(path: str, line: str) -> float:
    """Seconds from the start of Python to the end, the least of five."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ONE, path, line], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main(sys.argv[1])
