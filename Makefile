# `make help` lists the targets. Nothing but Python 3.11 or newer has to be there before.
#
#   make demo PORT=8080 HOST=0.0.0.0     serve elsewhere
#   make demo PYTHON=/opt/python3.12     choose the interpreter that .venv is made from
#   make test TESTS="tests/test_cli.py"  run a part of the tests
#   make bench-all BASE_MODEL=DIR        measure all, and with a base model also whether losses stay the same
#   make models BASE_MODEL=DIR DATA_DIR=DIR MODELS="tiny-emotion" DRY_RUN=1

HOST ?= 127.0.0.1
PORT ?= 7860
TESTS ?=
BASE_MODEL ?=
DATA_DIR ?=
MODELS ?=
DRY_RUN ?=
VENV := .venv
RUN := $(VENV)/bin/python -m
# 3.11 comes first because it is what the Space and the tests run with.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)
PIP_INSTALL := $(RUN) pip install --disable-pip-version-check --constraint constraints.txt --requirement requirements.txt
PINS := requirements.txt constraints.txt pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo test faults lint format models cards readme pictures bench bench-all lock clean

help: ## List these targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 11

demo: $(VENV)/.installed ## Serve the page on http://127.0.0.1:7860 (HOST=… PORT=…).
	@exec $(RUN) emohub demo --host "$(HOST)" --port "$(PORT)"

test: lint $(VENV)/.chromium $(VENV)/.node-packages ## Lint, check formatting and types, and run every test (TESTS=… for a part).
	@echo "== pytest"
	@$(RUN) pytest --numprocesses auto --dist loadfile $(TESTS)

faults: $(VENV)/.installed-test ## Strike every request of publishing with every fault, and print the counts (half an hour).
	@EMOHUB_FAULTS=all $(RUN) pytest --quiet --show-capture=no tests/test_faults.py

lint: $(VENV)/.installed-test ## Lint, check formatting and types.
	@echo "== ruff check"
	@$(RUN) ruff check .
	@echo "== ruff format --check"
	@$(RUN) ruff format --check .
	@echo "== mypy"
	@$(RUN) mypy

format: $(VENV)/.installed-test ## Format the code, and mend what the linter can mend.
	@$(RUN) ruff check --fix-only .
	@$(RUN) ruff format .

models: $(VENV)/.installed ## Train and measure again what ships; says first how long that takes (DATA_DIR=… BASE_MODEL=…).
	@$(RUN) tools.make_models $(MODELS) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") $(if $(BASE_MODEL),--base-model "$(BASE_MODEL)") \
	  $(if $(DRY_RUN),--dry-run)

cards: $(VENV)/.installed ## Render every card under cards/ again from its records.
	@set -e; for folder in cards/*/; do $(RUN) emohub card "$$(basename "$$folder")"; done

readme: $(VENV)/.installed ## Write the generated parts of README.md and docs/ again.
	@set -e; for script in readme commands recipes cards doctor api scaling; do $(RUN) docs.generate_$$script; done

pictures: $(VENV)/.chromium ## Take the pictures of the page in docs/ again.
	@$(RUN) docs.take_screenshots

# The corpora come from the Hub, or from the folder that EMOHUB_DATA_DIR names.
bench: $(VENV)/.chromium ## Measure a short form of the benchmarks into benchmarks/out/ (under ten minutes).
	@mkdir -p benchmarks/out
	@$(RUN) benchmarks.train_throughput --short --output benchmarks/out/train_throughput.json
	@$(RUN) benchmarks.inference --short --output benchmarks/out/inference.json
	@$(RUN) benchmarks.demo_load --rounds 3 --steady 400 --visits 2 --output benchmarks/out/demo_load.json
	@$(RUN) benchmarks.report --records benchmarks/out

bench-all: $(VENV)/.chromium ## Measure all of the benchmarks again, and write the report (an idle machine, an hour or more).
	@$(RUN) benchmarks.train_throughput
	@$(RUN) benchmarks.inference
	@$(RUN) benchmarks.cold_start
	@$(RUN) benchmarks.demo_load
	@$(if $(BASE_MODEL),$(RUN) benchmarks.same_loss --base-model "$(BASE_MODEL)",echo "== without BASE_MODEL=… same_loss is left out")
	@$(RUN) benchmarks.report

lock: $(VENV)/.installed ## Resolve constraints.txt anew, after a pin in requirements.txt was changed.
	@$(VENV)/bin/python tools/lock.py

clean: ## Remove .venv, caches and build output; models, cards and runs stay.
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .gradio
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@found=; for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  found=$$python; \
	  "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	  echo "== making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; \
	done; \
	if [ -n "$$found" ]; then \
	  echo "$$found cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv)." >&2; \
	else \
	  echo "No Python 3.11 or newer among: $(PYTHONS); install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
	fi; exit 1

# The package goes in without its dependencies: requirements.txt has named them all, and only those versions.
$(VENV)/.installed: $(VENV)/.created $(PINS)
	@echo "== installing requirements.txt (the first time takes some minutes)"
	@$(PIP_INSTALL) setuptools
	@$(RUN) pip install --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "== installing what the tests need"
	@$(PIP_INSTALL) --quiet --no-build-isolation --editable ".[test]"
	@touch $@

$(VENV)/.chromium: $(VENV)/.installed-test
	@$(VENV)/bin/python tools/chromium.py
	@touch $@

# Transformers.js and Gradio's client have a test each, which is skipped without them. The scripts of the former would
# fetch libraries for GPUs.
$(VENV)/.node-packages: $(VENV)/.installed-test
	@echo "== installing what tests in Node need"
	@npm install --prefix . --silent --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
	  @huggingface/transformers@4.3.1 @gradio/client@2.7.0 \
	  || echo "There is no npm here, or no network: those tests are skipped." >&2
	@touch $@
