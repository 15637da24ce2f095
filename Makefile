# Everything a person or a machine does with this repository. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   ?= demo-film
UP     ?= longtake-up
TESTS  ?=
WORKERS ?= 3
PART   ?= fold
SAMPLE ?= 60
SEED   ?= 15
QUICK  := catalog plan report request library/test_library_takes.py \
  $(foreach board,fuzz loading python schema sources writing,storyboard/test_storyboard_$(board).py) \
  $(foreach part,audit budget fold pacing repair safeguards sums,ledger/test_ledger_$(part).py)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Tests start many processes, and each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo ui up deploy test test-quick test-all test-deep mutants catalog lint site bench constraints clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.run ## set up and make a film of six shots on this machine: no key, no cost
	$(BIN)/longtake demo $(DEMO)

ui: $(VENV)/.run ## open the Prefect server that holds the demo's runs (http://127.0.0.1:4200)
	PREFECT_HOME=$(abspath $(DEMO))/prefect $(BIN)/prefect server start

up: $(VENV)/.run ## a Prefect server, a work pool and a worker to try; without a key against the emulator
	$(BIN)/longtake up $(UP)

deploy: $(VENV)/.run ## deploy deployments.yaml to the server of `make up`, or of PREFECT_API_URL
	$(BIN)/longtake deploy

test: $(VENV)/.dev ## set up and run the tests (about 6 minutes on 2 cores)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m 'not slow and not deep' --hypothesis-profile quick $(TESTS)

test-quick: $(VENV)/.dev ## the logic alone, without Prefect, S3 and the command
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not slow and not deep' -k 'not type_checker' --hypothesis-profile quick $(addprefix tests/,$(QUICK)) $(TESTS)

test-all: $(VENV)/.dev ## the tests with the slow ones, without the deep ones; TESTS='...' adds words for pytest
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m 'not deep' $(TESTS)

test-deep: $(VENV)/.dev ## more of what slow tests do: other doors of a crash, more damaged clips
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m deep $(TESTS)

mutants: $(VENV)/.mutation ## which made-up faults no test notices: PART= SAMPLE= SEED= AGAIN=1, see tests/MUTANTS.md
	$(BIN)/python tests/mutation/run.py $(PART) --sample $(SAMPLE) --seed $(SEED) $(if $(AGAIN),--again)

catalog: $(VENV)/.dev ## write longtake/catalog/catalog.json after a change of catalog.yaml
	$(BIN)/python -c "from longtake.catalog import load; load.COMPILED.write_text(load.compile_shipped())"

lint: $(VENV)/.dev ## ruff, mypy, the arrows between modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

site: $(VENV)-site/.made ## the docs as a site in build/site; a dead link or an orphan page is an error
	$(PYTHON) docs/site/pages.py build/docs
	NO_MKDOCS_2_WARNING=1 $(VENV)-site/bin/mkdocs build --strict

bench: $(VENV)/.dev ## measure what the docs claim; writes bench/out and docs/explanation/performance.md
	$(BIN)/python -m bench

# The tests' set first: it has more to agree on, and a run must get the versions that were tested.
constraints: ## pin the newest versions again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make constraints' --group build --group dev --extra aws --extra c2pa --extra data --extra mcp --extra otel --extra openlineage -o constraints-dev.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make constraints' --group build -c constraints-dev.txt -o constraints.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make constraints' --group mutation -c constraints-dev.txt -o constraints-mutation.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make constraints' --group docs -c constraints-dev.txt -o constraints-docs.txt

clean: ## remove what was installed and made
	rm -rf $(VENV) $(VENV)-site $(DEMO) $(UP) build dist *.egg-info

# Two marks: what a run needs, and that plus what the tests need. Hashes are checked; the project itself is linked in. The files list
# all there is, so nothing is left to resolve: older pips would search again for what an extra needs.
$(VENV)/.run: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Longtake needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run constraints-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r constraints-dev.txt
	touch $@

$(VENV)/.mutation: $(VENV)/.dev constraints-mutation.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r constraints-mutation.txt
	touch $@

# The site has an environment of its own: tests need none of it, and it needs no Prefect.
$(VENV)-site/.made: constraints-docs.txt
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --no-deps --require-hashes -r constraints-docs.txt
	touch $@
