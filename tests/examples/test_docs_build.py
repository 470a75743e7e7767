"""The documentation builds, and nothing in it is wrong enough for Sphinx to warn."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the built pages."""
    for name in ("sphinx", "myst_parser", "furo", "sphinx_copybutton"):
        pytest.importorskip(name, reason=f"the docs need {name}: install the group docs")
    pages = tmp_path_factory.mktemp("docs") / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(pages.parent / "doctrees"), str(DOCS), str(pages)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return pages


def test_every_page_is_reached_from_the_first(built):
    index = (built / "index.html").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        if "_build" in page.parts or page.parent.name == "reference" or page.stem == "index":
            continue
        assert f'href="{page.relative_to(DOCS).with_suffix(".html").as_posix()}"' in index


def test_every_public_name_is_in_the_reference(built):
    import nelder

    text = "".join(p.read_text(encoding="utf-8") for p in (built / "reference").glob("*.html"))
    missing = [
        name
        for name in nelder.__all__
        if f'id="nelder.{name}"' not in text and f'id="nelder.scipy.{name}"' not in text
    ]
    assert missing == ["__version__"]
