"""Sphinx configuration of the documentation: sphinx-build -W docs build/site."""

import os
import sys
from pathlib import Path

from keras_attention.native_messages import hide_start_messages

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))
hide_start_messages(os.environ)  # autodoc imports TensorFlow, which prints start messages

project = "keras-attention"
author = "the authors of keras-attention"
exclude_patterns = ["extensions"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "repository_links",
    "generated_reference",
    "docstrings",
    "mathml",
]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "keras-attention"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # show the notebook's committed outputs; the option -D can change this
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_output_stderr = "remove"
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style"), "Reference"]
smartquotes_action = "D"  # convert dashes only, because most quotes are in code
