"""Settings of the documentation: built by ``make docs``, without a network."""

import sys
from pathlib import Path
from typing import Any

from cellaxes._core.version import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "cellaxes"
author = "The cellaxes developers"
project_copyright = author  # without a year: the same commit builds the same pages
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "rooms",
    "offline",
]
exclude_patterns = ["_build", "extensions"]

# ---- pages ----
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_url_schemes = ["http", "https", "mailto"]

# ---- notebooks: run at every build, a cell that fails fails the build ----
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell
nb_execution_excludepatterns = ["tutorials/predict.ipynb"]  # its data cannot be shipped
nb_output_stderr = "remove-warn"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", 0)]

# ---- reference ----
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
default_role = "literal"  # `name` in a docstring is code
napoleon_google_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 88

# ---- look: that of scverse packages ----
html_theme = "sphinx_book_theme"
html_title = "cellaxes"
html_static_path = ["_static"]
html_css_files = ["cellaxes.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """List the page of benchmarks, which `make bench` writes, where it is there."""

    def without_missing(app: Any, page: str, source: list[str]) -> None:
        if page == "index" and not (HERE / "benchmarks.md").is_file():
            source[0] = source[0].replace("\nbenchmarks\n", "\n")

    app.connect("source-read", without_missing)
