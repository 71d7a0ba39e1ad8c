"""The one error that means: what the user gave cannot be used."""


class InputError(ValueError):
    """Something the user gave cannot be used: a file, a recipe, a model folder, a line of text.

    The message is one clear sentence: it names the thing, with file and line where there is one,
    what was expected and what came. The command line prints it and exits with code 2.

    Example:
        >>> raise InputError("pairs.tsv, line 3: expected 2 columns. Received: 1.")
        Traceback (most recent call last):
        ...
        keras_attention.errors.InputError: pairs.tsv, line 3: expected 2 columns. Received: 1.
    """
