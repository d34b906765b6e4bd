# ruff: noqa: INP001 - Sphinx reads this file alone
"""The documentation site: Sphinx with MyST and Furo. `make docs` builds it; the reference pages are written first."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "scripts")]

import site_reference  # noqa: E402 - it is in scripts
from podrole import __version__  # noqa: E402

project = "podrole"
author = "The podrole contributors"
copyright = author  # noqa: A001 - Sphinx's name
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4  # every code of the doctor is a heading of the fourth level
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # the standard library's and pytest's types are documented elsewhere
# A transcript holds what a program printed, which no grammar describes.
suppress_warnings = ["misc.highlighting_failure"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
exclude_patterns = ["README.md"]
highlight_language = "text"  # a block without a language is commands and what they print
html_theme = "furo"
html_title = "podrole"
html_static_path = ["site"]
html_css_files = ["podrole.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None  # the same source makes the same site
html_favicon = "site/icon.svg"


def _name_outside_files(_: object, page: str, source: list[str]) -> None:
    if "/" not in page:  # the generated pages link to nothing outside
        source[0] = site_reference.without_outside_links(source[0])


def setup(app: object) -> None:
    """Write the reference pages from the program itself, and lead links out of the folder to where the file is."""
    site_reference.write(HERE / "reference")
    app.connect("source-read", _name_outside_files)  # type: ignore[attr-defined] # Sphinx
