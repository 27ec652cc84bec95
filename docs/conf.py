"""Settings of the documentation site.

The sources lie where one reads them in the repository: pages in ``docs``, the changelog, the page
of each data set. So the root of the repository is the source directory, and a link from page to
page is the same here and there::

    pip install ".[docs]"
    sphinx-build -W -c docs . build/site

Nothing is fetched, neither by the build nor by a browser that shows the pages.
"""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))  # for the extension mathml

from ase_dos import __version__

project = "ase_dos"
author = copyright = "ase_dos developers"
release = version = __version__

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
root_doc = "docs/index"
include_patterns = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "data/*/README.md",
    "docs/**.md",
]
exclude_patterns = [".*", "**/__pycache__", "build", "dist"]
suppress_warnings = [
    "myst.header",  # levels of headings that a page leaves out
    "ref.python",  # words in types of parameters that several classes have as attributes
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
highlight_language = "default"

# Names between single backticks are links where they are known.
default_role = "py:obj"
autodoc_typehints = "none"  # types stand with the parameters
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_mock_imports = ["MDAnalysis", "pymatgen"]  # bases and types of adapters, not installed
numpydoc_show_class_members = False  # autodoc has them

toc_object_entries_show_parents = "hide"
autosummary_generate = False  # tables alone: each package has one page

html_theme = "pydata_sphinx_theme"
html_title = f"ase_dos {release}"
_ALONE = ("docs/index", "docs/start", "docs/theory", "docs/faq", "CHANGELOG", "CONTRIBUTING")
html_sidebars = {page: [] for page in _ALONE}
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def escape_shapes(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep the star of shapes such as (bands, *momenta) from opening an emphasis."""
    star = re.compile(r"(``.*?``)|(?<=\()\*(?=\w)|(?<=, )\*(?=\w)")
    lines[:] = [star.sub(lambda found: found[1] or r"\*", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Register what changes docstrings, before numpydoc's sections are taken apart."""
    app.connect("autodoc-process-docstring", escape_shapes, priority=1)
