"""The directive `command-help`: a section for each command, from the options that it declares."""
from sphinx.application import Sphinx
def setup(app: Sphinx) -> dict[str, bool]:
    return {"parallel_read_safe": True}
