# `make demo` sets everything up and runs the main job on built-in drawings; `make test` sets everything up and passes
# the tests. Needs Python 3.11 or newer and make, nothing else.

# The newest Python of 3.11 or later on the PATH; `make PYTHON=/path/to/python3.12 demo` names another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test test-on lint docs check-python constraints clean
.DEFAULT_GOAL := demo

check-python:
	@test -n "$(PYTHON)" || { echo "make needs Python 3.11 or newer with venv on the PATH (on Debian: apt install python3-venv); or name one: make PYTHON=/path/to/python3.12 demo" >&2; exit 1; }

# Each marker is newer than what it was made from, so a second `make` starts at once.
$(VENV)/.made: pyproject.toml constraints.txt | check-python
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.made-dev: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.made
	$(BIN)/sweep demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.made-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation as a site, into site/: open site/index.html. Every warning is an error.
docs: $(VENV)/.made-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# A small part of the tests by another Python: make test-on PYTHON=/path/to/python3.13. Each Python keeps its own environment.
SMALL ?= tests/balancing tests/sweep/config tests/sweep/planning tests/sweep/test_local.py tests/sweep/test_api.py
ON = .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-on: | check-python
	$(MAKE) --no-print-directory VENV=$(ON) $(ON)/.made-dev
	OMP_NUM_THREADS=1 $(ON)/bin/python -m pytest $(SMALL)

# The tested set, after changing a bound in pyproject.toml; builds for GPUs follow torch's own pins.
constraints: $(VENV)/.made-dev
	{ echo "# The tested set. make installs with it; regenerate with: make constraints"; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -viE '^(nvidia|cuda|triton)'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) .venv-3.* build site *.egg-info .pytest_cache .mypy_cache .ruff_cache
