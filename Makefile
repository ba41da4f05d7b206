# Two commands do all of their own set-up: `make search` runs the main job, `make test` passes the tests.
# Both use the virtual environment .venv at the root of the repository.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed-dev
# Some machines forbid byte code; then every start would compile torch anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: search test lint tests test-e2e slow install clean

search: $(READY)
	$(BIN)/nas search --space elasticvit --budget 600MFLOPs

test: lint tests

install: $(READY)

# uv resolves and unpacks torch in a fraction of pip's time; where it cannot be had, pip does the same job.
# One environment for both commands: `make test` must not reinstall what `make search` installed.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	if test -x $(BIN)/uv; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt -e '.[dev]'; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[dev]'; \
	fi
	touch $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tests: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-e2e: $(READY)
	@command -v chromium >/dev/null || echo "no chromium: apt-get install chromium (the tests of the page are skipped)"
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo "no PostgreSQL: apt-get install postgresql (its tests are skipped)"
	$(BIN)/python -m pytest tests/e2e -rs

slow: $(READY)
	$(BIN)/python -m pytest -m slow

clean:
	rm -rf $(VENV) build dist *.egg-info
