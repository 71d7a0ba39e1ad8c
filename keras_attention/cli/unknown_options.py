"""Advice for an unknown option that is a setting of a recipe, or has another name in Python."""

from typing import Any

from keras_attention.cli.search_options import option_of


def explain_unknown_option(error: Any) -> str:
    """Return an error message that says what to write instead of an unknown option.

    It is empty if the option is neither a setting that the command accepts after `--set`, such as
    `--epochs`, nor the name that another option has in Python, such as `--beam-width`.

    Args:
        error: The usage error of the command line.
    """
    option, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if not option or context is None:
        return ""
    parameters = context.command.params
    options = {each for parameter in parameters for each in parameter.opts}
    name = option.lstrip("-").replace("-", "_")
    if option_of(name) in options:
        return f"No such option: {option}. Use {option_of(name)}."
    accepts_all = any(parameter.name == "overrides" for parameter in parameters)
    key = _find_setting(name, "" if accepts_all else "data.") if "--set" in options else ""
    return f"No such option: {option}. Use --set {key}=VALUE." if key else ""


def _find_setting(name: str, section: str) -> str:
    """Return the key of a recipe's setting, or "" if there is none with this name.

    Args:
        name: The key, or its part after the section.
        section: What the key must begin with.
    """
    from keras_attention.training.recipe.recipe import SETTINGS

    keys = (key for key in SETTINGS if name in (key, key.rpartition(".")[2]))
    return next((key for key in keys if key.startswith(section)), "")
