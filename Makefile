PYTHON ?= python3
SOURCE ?= data/sources/complete_journey.yaml
POLICY ?= $(if $(filter %complete_journey.yaml,$(SOURCE)),policies/retail.yaml,policy.yaml)
AS_OF ?=
BIN := .venv/bin
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
READY := .venv/.ready
BUILD_DOCS := $(BIN)/sphinx-build -q -W --keep-going -c docs . docs/_build/html

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

report: $(READY)  ## run the twenty notebooks on SOURCE by POLICY and publish reports/latest/index.html
	$(BIN)/crcm run --source $(SOURCE) --policy $(POLICY) --as-of "$(AS_OF)" --out reports --resume
	@echo $(CURDIR)/reports/latest/index.html

test: $(READY)  ## unit tests, docstring examples, house rules, the end-to-end run of every notebook
	$(BIN)/python -m pytest $(PARALLEL)

test-slow: $(READY)  ## simulated worlds, notebooks run by hand, the end-to-end run in another form, an installation
	$(BIN)/python -m pytest $(PARALLEL) -m slow --nbval

lab: $(READY)  ## JupyterLab, at the project's root
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

sample: $(READY)  ## simulate the synthetic company again; re-execute the committed notebooks and golden tables
	$(BIN)/crcm sample --out data/sample && $(BIN)/crcm refresh

docs: $(READY)  ## build the documentation; prints the path of docs/_build/html/index.html
	$(BUILD_DOCS)
	@echo $(CURDIR)/docs/_build/html/index.html

demo: $(READY)  ## three simulated quarters: an action that works is found and gains budget, one that does not loses it
	cd tests && ../$(BIN)/python -m worlds.quarters

worlds: $(READY)  ## simulated worlds, all seeds; renews tests/worlds/table.csv and prints what holds
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m worlds

bench: $(READY)  ## measure against the peers; prints ratios
	$(BIN)/python -m benchmarks

lint: $(READY)  ## check style, formatting, doors between rooms, types, links of the documentation
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/mypy && $(BUILD_DOCS)

postgres: $(READY)  ## install the client of PostgreSQL sources
	VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --require-hashes -r requirements-postgres.lock

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q
lock: $(READY)  ## compile requirements.lock, requirements-postgres.lock and environment.yml from pyproject.toml
	$(COMPILE) pyproject.toml $(foreach extra,lab encrypt samples docs dev,--extra $(extra)) -o requirements.lock
	sed -nE 's/^postgres = \["(.*)"\]$$/\1/p' pyproject.toml | $(COMPILE) - -c requirements.lock -o requirements-postgres.lock
	{ printf 'name: crcm\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n'; \
	sed -nE 's/^([a-z0-9].*==[^\\]*[^\\ ]) *\\?$$/      - "\1"/p' requirements.lock; echo '      - "-e ."'; } > environment.yml

# uv is taken from the lock first, by its hash; it then installs the rest five times faster than pip.
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	awk '/^uv==/ {p = 1; print; next} /^[^ ]/ {p = 0} p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install -q --require-hashes --only-binary uv -r .venv/uv.lock
	VIRTUAL_ENV=.venv UV_COMPILE_BYTECODE=1 $(BIN)/uv pip sync -q --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	touch $(READY)

.PHONY: help report demo test test-slow postgres lab sample docs worlds bench lint lock
