"""The site: what docs/ has, the C interface from the headers, the Python interface from its docstrings. Built by tools/site.sh, which makes the folder
that Sphinx reads."""

import os
import re

project = "adah"
author = "the adah authors"
release = re.search(r'#define ADAH_VERSION "([^"]+)"', open(os.environ["ADAH_SOURCE_DIR"] + "/include/adah/core.h").read())[1]
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "260px", "font_family": "sans-serif"}
html_show_sphinx = False
html_copy_source = False
html_extra_path = ["files"]
highlight_language = "none"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_mock_imports = ["torch"]


def plain_text(app, what, name, thing, options, lines):
    """Docstrings are plain text with indented examples, and no markup but the signs around names."""
    text, was_code = [], False
    for line in lines:
        is_code = line.startswith("    ") or (was_code and not line.strip())
        if is_code and not was_code:
            text += ["::", ""]
        if not is_code:
            line = re.sub(r"([\\*|_])", r"\\\1", line.replace("`", ""))
            if was_code and text and text[-1].strip():
                text.append("")
        text.append(line)
        was_code = is_code
    lines[:] = text


def setup(app):
    app.connect("autodoc-process-docstring", plain_text)
