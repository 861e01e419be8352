# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= $(shell expr $$(nproc) + 1)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo serve test soak check format bench lock clean

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

# The package is installed without build isolation: what builds it is locked with hashes like everything else.
$(VENV)/runtime: requirements.lock pyproject.toml
	@echo "precis: installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/runtime
	@echo "precis: installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/runtime  ## summarise samples/ with the service and show it; no key, no network
	@$(BIN)/python samples/demo.py

serve: $(VENV)/runtime  ## run the service; its docs page is at /docs
	@$(BIN)/precis serve

test: $(VENV)/dev  ## everything that CI runs
	@$(MAKE) --no-print-directory check
	@tests/install_chromium.sh
	@# The browser in a process of its own, beside the rest: it keeps an event loop running.
	@$(BIN)/python -m pytest tests/browser >$(VENV)/browser.out 2>&1 & browser=$$!; \
	  $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --ignore tests/browser; rest=$$?; \
	  wait $$browser; seen=$$?; cat $(VENV)/browser.out; exit $$((rest | seen))

soak: $(VENV)/dev  ## the tests that take minutes each, in full length
	@$(BIN)/python -m pytest -m soak

check: $(VENV)/dev  ## lint, format, types, imports, Dockerfile
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint Dockerfile

format: $(VENV)/dev  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/dev  ## measure; prints, asserts nothing
	@$(BIN)/python bench/megabytes.py
	@$(BIN)/python -m bench.overhead

lock: $(VENV)/dev  ## resolve the dependencies anew, without naming any index
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra build -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

clean:  ## remove what was installed and stored here
	@rm -rf $(VENV) data *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
