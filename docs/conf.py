"""Sphinx: the settings of the documentation."""

import dataclasses
import re
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
RETURNED = (  # nobody constructs them
    "nelder.IntermediateResult",
    "nelder.MultistartProgress",
    "nelder.batched.BatchResult",
    "nelder.models.result.ModelResult",
    "nelder.GlobalResult",
    "nelder.Minimum",
    "nelder.MultistartResult",
    "nelder.Progress",
    "nelder.Result",
    "nelder.Status",
    "nelder.journal.reading.LoadedJournal",
    "nelder.journal.study.Best",
    "nelder.journal.study.Evaluations",
    "nelder.journal.study.Study",
)
RESULTS = HERE.parent / "benchmarks" / "results"

project = "nelder"
author = "The nelder developers"
copyright = "2026, The nelder developers"
release = version_of("nelder")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
suppress_warnings = ["config.cache"]

# Pages
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"nelder {release}"
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "native"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Reference
default_role = "py:obj"  # `name` in a docstring is code, and a link where it names something
autodoc_typehints = "none"  # the docstrings say what an argument may be
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False  # types as they are written, not cut up into links
napoleon_use_rtype = False
napoleon_use_ivar = False


def show_defaults(app, what, name, obj, options, signature, returns):
    """Write default settings as one would construct them."""
    if signature is None:
        return None
    if name in RETURNED:
        return "", None
    signature = signature.replace("=_DEFAULT", "=NelderMead()")
    if dataclasses.is_dataclass(obj):
        for field in dataclasses.fields(obj):
            if field.default_factory is not dataclasses.MISSING:
                shown = f"{field.name}={field.default_factory.__name__}()"
                signature = re.sub(rf"\b{field.name}=<factory>", shown, signature)
    return signature, returns


def include_results(app, docname, source):
    """Put what ``make bench`` wrote in the place of the marker in benchmarks.md."""
    if docname != "benchmarks":
        return
    order = (
        *("solved", "nist", "scaling", "overhead", "native", "asktell"),
        *("models", "subspaces", "noise", "whole_box", "uncertainty"),
        *("parallel", "pool", "journal", "multistart", "kills"),
        *("batched", "tfp", "keras"),
    )
    present = [name for name in order if (RESULTS / f"{name}.md").is_file()]
    options = ":heading-offset: 1\n:relative-images:\n"
    parts = [f"```{{include}} ../benchmarks/results/{name}.md\n{options}```" for name in present]
    text = "\n\n".join(parts) or "No results are stored: run `make bench`."
    source[0] = source[0].replace("<!-- results -->", text)


def include_tables(app, docname, source):
    """Put tables that ``make bench`` wrote in the place of markers in a page.

    A marker stands in a line of its own: the name of the benchmark, how the title of the table
    begins, and the numbers of the columns, from 1, where not all are wanted::

        <!-- table: models | Moré-Wild | 1 2 3 -->
    """
    source[0] = re.sub(r"^<!-- table: (.*) -->$", _table, source[0], flags=re.MULTILINE)


def _table(marker):
    name, title, *columns = (part.strip() for part in marker[1].split("|"))
    results = RESULTS / f"{name}.md"
    if not results.is_file():
        return f"*Not measured yet: run `python -m benchmarks {name}`.*"
    sections = results.read_text(encoding="utf-8").split("\n## ")[1:]
    section = next((part for part in sections if part.startswith(title)), None)
    if section is None:
        raise ValueError(f"{results.name} has no table whose title begins with {title!r}")
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    wanted = [int(number) - 1 for number in " ".join(columns).split()] or range(len(rows[0]))
    return "\n".join("|" + "|".join(row[i] for i in wanted) + "|" for row in rows)


def setup(app):
    app.connect("autodoc-process-signature", show_defaults)
    app.connect("source-read", include_results)
    app.connect("source-read", include_tables)
