"""The command `keras-attention-device` of the package with the same name.

It translates like `keras-attention translate NAME.tflite`, which requires the whole library.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from keras_attention.errors import InputError, TextError
from keras_attention.files.text_files import decode_lines, read_lines
from keras_attention.native_messages import hide_information
from keras_attention.text.unknown_tokens import UnknownTokens
from keras_attention.translation.result import Translation
from keras_attention.translation.searches.streaming import text_parts

from .device.device_translator import MOST_THREADS, DeviceTranslator

_NAME = "keras-attention-device"
_INPUT = "standard input"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of `keras-attention`."""

    def error(self, message: str) -> NoReturn:
        """Print an error without the usage, and exit with code 2."""
        self.exit(2, f"error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate the lines of a file or of standard input.

    Args:
        arguments: the command's arguments; by default, those of the process.

    Returns:
        The exit code: 0, or 2 for an error in the file or the input.
    """
    parser = _Parser(prog=_NAME, description="Translate each line of a text with a TFLite file.")
    parser.add_argument("model", help="a .tflite file that keras-attention exported")
    parser.add_argument(
        "file",
        nargs="?",
        default="-",
        help="file with one text per line (default standard input)",
    )
    parser.add_argument(
        "--beam", action="store_true", help="use beam search with the file's beam width"
    )
    parser.add_argument(
        "--stream", action="store_true", help="print each output while it is searched"
    )
    parser.add_argument("--threads", type=int, default=1, help="number of CPU threads (default 1)")
    parser.add_argument(
        "--max-tokens",
        type=int,
        metavar="N",
        help="largest number of tokens of a line, with the end token; a longer line is an error "
        "(default 1024, or the file's max_source_length if that is larger)",
    )
    options = parser.parse_args(arguments)
    if options.max_tokens is not None and options.max_tokens < 1:
        parser.error(f"--max-tokens must be at least 1. Received: {options.max_tokens}.")
    if not 1 <= options.threads <= MOST_THREADS:
        parser.error(f"--threads must be from 1 to {MOST_THREADS}. Received: {options.threads}.")
    if options.beam and options.stream:
        parser.error("--stream cannot be combined with --beam, because it searches greedily.")
    hide_information(os.environ)
    try:
        _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    translator = DeviceTranslator.load(
        options.model, threads=options.threads, max_tokens=options.max_tokens
    )
    name = _INPUT if options.file == "-" else options.file
    lines = decode_lines(sys.stdin.buffer, name) if name == _INPUT else read_lines(name)
    unknown, number = UnknownTokens(), 0
    for number, line in enumerate(lines, start=1):
        place = f"{name}, line {number}"
        try:
            unknown.add(_print(translator, line, options), place)
        except TextError as error:
            raise InputError(f"{place}: {error.problem}") from None
    if note := unknown.note(total=number):
        print(note, file=sys.stderr)


def _print(
    translator: DeviceTranslator, line: str, options: argparse.Namespace
) -> Sequence[str] | None:
    """Print the translation of a line, and return the line's unknown tokens."""
    if options.stream:
        for part in text_parts(translator.stream(line)):
            print(part, end="", flush=True)
        print(flush=True)
        source = translator.codec.source
        return source.vocabulary.unknown_tokens(source.split(line))
    translation: Translation = translator(line, beam=options.beam)
    print(translation.text, flush=True)
    return translation.unknown_tokens


if __name__ == "__main__":
    sys.exit(main())
