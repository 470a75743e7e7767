"""What `import nelder` brings in, and what it leaves until it is used."""

import subprocess
import sys

import pytest

LIBRARIES = ("jax", "keras", "tensorflow", "torch")
LATER = ("scipy", "optree", "rich", "numba", "matplotlib", *LIBRARIES)


def loaded(code):
    """Run `code` afresh and return the packages that it has loaded."""
    show = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}; {show}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return set(done.stdout.split())


def test_import_loads_no_optional_package():
    packages = loaded("import nelder")
    assert {"nelder", "numpy"} <= packages
    assert packages.isdisjoint(LATER)


def test_a_plain_search_loads_no_optional_package():
    packages = loaded(
        "import nelder; r = nelder.minimize(lambda x: float(x @ x), [1.0, 2.0],"
        " bounds=[(0, 3)] * 2, history=True, callback=lambda xk: None); repr(r); r._repr_html_();"
        " o = nelder.Optimizer([1.0]); o.tell(o.ask(), [1.0, 2.0])"
    )
    assert packages.isdisjoint(LATER)


@pytest.mark.parametrize(
    ("code", "package"),
    [
        ("nelder.scipy_method", "scipy"),
        ("nelder.minimize(lambda p: p['a'] ** 2, {'a': 1.0}, maxfev=9)", "optree"),
    ],
)
def test_each_is_loaded_where_it_is_used(code, package):
    assert package in loaded(f"import nelder; {code}")


@pytest.mark.parametrize("module", ["batched", "keras", "torch"])
def test_modules_are_there_without_the_library_they_are_for(module):
    packages = loaded(f"import nelder; dir(nelder.{module}); '{module}' in dir(nelder) or 1 / 0")
    assert packages.isdisjoint(LIBRARIES)


def test_a_module_that_does_not_exist_is_no_attribute():
    import nelder

    with pytest.raises(AttributeError, match="no attribute 'flax'"):
        _ = nelder.flax
