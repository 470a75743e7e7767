# Needs Python >= 3.11, make and a C compiler; everything else comes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml setup.py $(shell find src -name '*.py' -o -name '*.pxd' -o -name 'py.typed')

.PHONY: help demo test test-uncompiled lint types imports docs bench bench-tfp check clean

help:
	@echo "make demo              fit two NIST data sets, with a picture"
	@echo "make test              all tests"
	@echo "make test-uncompiled   install without a compiler and test that"
	@echo "make lint types imports docs"
	@echo "make bench             benchmarks against other libraries (GSL with libgsl-dev)"
	@echo "make bench-tfp         the environment in which TensorFlow Probability is measured"
	@echo "make check             tests, lint, types, import contracts and docs"

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/nelder: $(VENV)/made $(SOURCES)
	@echo "Building and installing nelder"
	$(BIN)/python -m pip install --quiet .
	@touch $@

$(VENV)/for-%: $(VENV)/made pyproject.toml
	@echo "Installing the packages for: $*"
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

demo: $(VENV)/nelder $(VENV)/for-demo
	$(BIN)/python examples/nist_fits.py

test: $(VENV)/nelder $(VENV)/for-test $(VENV)/for-libraries $(VENV)/for-docs
	$(BIN)/python -m pytest --durations=8

test-uncompiled:
	rm -rf $(VENV)-uncompiled build  # what was compiled before must not be found
	$(PYTHON) -m venv $(VENV)-uncompiled
	$(VENV)-uncompiled/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	CC=/bin/false $(VENV)-uncompiled/bin/python -m pip install --quiet --no-cache-dir .
	rm -rf build
	$(VENV)-uncompiled/bin/python -m pip uninstall --quiet --yes cython
	$(VENV)-uncompiled/bin/python -m pip install --quiet --group test
	$(VENV)-uncompiled/bin/python -c "import nelder.core.machine as m; assert m.__file__.endswith('.py'), m.__file__"
	$(VENV)-uncompiled/bin/python -m pytest -q tests/unit tests/reference/test_problems.py

lint: $(VENV)/for-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/nelder $(VENV)/for-lint $(VENV)/for-test
	$(BIN)/pyright

imports: $(VENV)/nelder $(VENV)/for-lint
	$(BIN)/lint-imports

docs: $(VENV)/nelder $(VENV)/for-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/nelder $(VENV)/for-bench
	$(BIN)/python -m benchmarks

# TensorFlow Probability 0.25 needs an older JAX, so it gets a Python of its own.
bench-tfp:
	$(PYTHON) -m venv .venv-bench-tfp
	.venv-bench-tfp/bin/python -m pip install --quiet "jax==0.6.*" "jaxlib==0.6.*" \
		"tensorflow-cpu==2.18.*" "tf_keras==2.18.*" "tensorflow-probability==0.25.*"
	.venv-bench-tfp/bin/python -m pip install --quiet .

check: test lint types imports docs

clean:
	rm -rf $(VENV) $(VENV)-uncompiled .venv-bench-tfp build docs/_build src/*.egg-info
	find src -name '*.so' -delete -o -name '*.c' -delete
