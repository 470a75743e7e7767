"""Every block of code in the README and the docs runs, and every doctest in the docstrings.

A page's Python blocks run in order, in one namespace, in an empty folder. What blocks with prompts
print is compared. A block is left out only where the line before it says why::

    <!-- not run: it waits for Ctrl-C -->
"""

import ast
import doctest
import importlib
import pkgutil
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import nelder

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if "_build" not in page.parts]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
MODULES = sorted(
    ["nelder", *(found.name for found in pkgutil.walk_packages(nelder.__path__, "nelder."))]
)
OPTIONAL = {"cyclopts", "distributed", "loky", "matplotlib", "numba", "pandas", "rich", "scipy"}
OPTIONAL |= {"gymnasium", "jax", "keras", "tensorflow", "torch"}
EXTRAS = {
    "nelder.batched.jax": "jax",
    "nelder.batched.tensorflow": "tensorflow",
    "nelder.batched.torch": "torch",
    "nelder.cli.": "cyclopts",
    "nelder.evaluate.processes": "pebble",
    "nelder.keras": "keras",
    "nelder.plots": "matplotlib",
    "nelder.scipy": "scipy",
    "nelder.tfp": "tensorflow",
    "nelder.torch": "torch",
}
PYTHON = {"python", "py", "pycon", "doctest", "{doctest}"}
SHELL = {"sh", "bash", "console", "shell"}
PLAIN = {"", "text", "c"}  # and directives, which run nothing
FLAGS = doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, its first line's number, and why it is left out."""

    language: str
    text: str
    line: int
    reason: str | None = None

    @property
    def is_python(self) -> bool:
        return self.language in PYTHON or self.has_prompts

    @property
    def has_prompts(self) -> bool:
        return self.text.lstrip().startswith(">>>")


def blocks_of(text):
    """Return the fenced blocks of a Markdown page."""
    fence = re.compile(
        r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}|:{3,})(?P<language>[^\n`]*)\n"
        r"(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
        re.MULTILINE | re.DOTALL,
    )
    marker = re.compile(r"<!-- not run: *(?P<reason>.*?) *-->\n*\Z", re.DOTALL)
    blocks = []
    for found in fence.finditer(text):
        marked = marker.search(text, 0, found.start())
        blocks.append(
            Block(
                found["language"].strip(),
                textwrap.dedent(found["text"]),
                text.count("\n", 0, found.start()) + 2,
                marked and marked["reason"],
            )
        )
    return blocks


def need(code):
    """Skip where an optional package that the page imports is not installed."""
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        for name in names:
            if name.partition(".")[0] in OPTIONAL:
                pytest.importorskip(name)
    if "progress=True" in code:
        pytest.importorskip("rich")


def run_doctest(test):
    """Run the examples of `test` and fail with what was expected and what came."""
    report = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(
        test, out=report.append, clear_globs=False
    )
    assert not report, "".join(report)


def python_of(page):
    """Return the page's blocks that are to run."""
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    return [block for block in blocks if block.is_python and block.reason is None]


@pytest.mark.parametrize("name", [n for n in NAMES if python_of(ROOT / n)])
def test_python_blocks_run(name, tmp_path, monkeypatch):
    page = ROOT / name
    blocks = python_of(page)
    parser = doctest.DocTestParser()
    sources = [
        "".join(example.source for example in parser.get_examples(b.text))
        if b.has_prompts
        else b.text
        for b in blocks
    ]
    need("\n".join(sources))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks:
        if block.has_prompts:
            test = parser.get_doctest(block.text, {}, name, str(page), block.line - 1)
            test.globs = namespace
            run_doctest(test)
        else:
            code = "\n" * (block.line - 1) + block.text  # errors name the page's own lines
            exec(compile(code, str(page), "exec"), namespace)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_run_or_say_why_not(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = blocks_of(text)
    for block in blocks:
        directive = block.language.startswith("{") and block.language not in PYTHON
        assert block.language in PYTHON | SHELL | PLAIN or directive, (
            f"{name}:{block.line}: unknown language {block.language!r}"
        )
        assert block.reason is None or len(block.reason) > 8, (
            f"{name}:{block.line}: left out for no reason"
        )
    assert text.count("<!-- not run:") == sum(b.reason is not None for b in blocks), (
        f"{name}: a marker stands before no block"
    )


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/benchmarks.md"])
def test_make_targets_exist(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {
        target
        for line in re.findall(r"^([\w. -]+):(?!=)", makefile, re.MULTILINE)
        for target in line.split()
    }
    page = (ROOT / name).read_text(encoding="utf-8")
    shells = [b.text for b in blocks_of(page) if b.language in SHELL]
    assert shells
    inline = re.findall(r"`(make [^`]+)`", page)
    lines = [line for text in shells for line in text.splitlines()]
    named = [
        target
        for line in [*lines, *inline]
        for command in re.findall(r"\bmake ((?:[\w-]+ ?)+)", line.partition("#")[0])
        for target in command.split()
    ]
    assert named
    assert set(named) <= targets


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name):
    for part, package in EXTRAS.items():
        if name.startswith(part):
            pytest.importorskip(package)
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    for test in finder.find(module, name, globs=dict(vars(module))):
        if test.examples:
            run_doctest(test)


def test_the_modules_have_doctests():
    assert {"nelder", "nelder.minimize", "nelder.optimizer"} <= set(MODULES)
    module = importlib.import_module("nelder.minimize")
    assert any(test.examples for test in doctest.DocTestFinder().find(module, "nelder.minimize"))


def test_blocks_of_finds_what_it_should():
    page = textwrap.dedent(
        """\
        # Title

        ```python
        x = 1
        ```

        <!-- not run: it takes an hour -->
        ```python
        raise SystemExit
        ```

        1. In a list

           ```pycon
           >>> x
           1
           ```
        """
    )
    assert blocks_of(page) == [
        Block("python", "x = 1\n", 4),
        Block("python", "raise SystemExit\n", 9, "it takes an hour"),
        Block("pycon", ">>> x\n1\n", 15),
    ]
