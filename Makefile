# The one list of commands. Each sets up .venv by itself, and does nothing twice.
#   make app PORT=8600      make test ARGS="-k window -x" WORKERS=0      make train RECIPE=NAME ARGS="--help"

PYTHON ?= python3
PORT   ?= 8501
# One more than the cores of a small machine: a worker that waits for a browser leaves its core to another.
WORKERS ?= 3
SEED   ?= 0
CASES  ?= 1000
ARGS   ?=
MODELS ?=

VENV   := .venv
MINIMUM := .venv-minimum
MINIMUM_TESTS := tests/test_shapes.py tests/relations tests/models tests/capture tests/cli
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check

# What each set-up installs beside the library itself.
extras-core     :=
extras-app      := [app,encoders]
extras-training := [encoders,foreign,panoptic,training]
extras-dev      := [app,dev,docs,encoders,erase,film,foreign,hub,notebooks,panoptic,training]

# A stamp is written only after its step succeeded, so an interrupted set-up is taken up again.
core     := $(VENV)/.ready-core
app      := $(VENV)/.ready-app
training := $(VENV)/.ready-training
dev      := $(VENV)/.ready-dev
minimum  := $(MINIMUM)/.ready

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help setup app test test-minimum lint format bench tables train study makes panoptic faults fuzz docs licences chromium pins clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(dev) ## install everything a developer needs into .venv

app: $(app) ## open the workbench at http://localhost:8501 (PORT=..., MODELS=FILE.py for networks of your own)
	$(if $(MODELS),RSP_LAB_MODELS='$(abspath $(MODELS))') $(PY) -m app --server.address localhost --server.port $(PORT) --server.showEmailPrompt false --browser.gatherUsageStats false $(ARGS)

test: $(dev) chromium ## run all tests, lint and types included (ARGS="-k ...", WORKERS=0 for one process)
	@# Once, where Python is told to keep no bytecode, rather than by each of some hundred processes.
	$(PY) -m compileall -q app rsp_lab trainers
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-minimum: $(minimum) ## run the library's tests on the oldest dependencies that are allowed
	PYTHONPATH=. $(MINIMUM)/bin/python -m pytest -o addopts="--import-mode=importlib --strict-markers" $(MINIMUM_TESTS) $(ARGS)

lint: $(dev) ## ruff, mypy and the import contracts
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: $(dev) ## format, and mend what ruff can mend
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

bench: $(core) ## measure speed and memory, side by side (ARGS=--json)
	$(PY) -m rsp_lab bench relation $(ARGS)
	$(PY) -m rsp_lab bench capture $(ARGS)
	$(PY) -m rsp_lab bench forward $(ARGS)
	$(PY) -m rsp_lab bench start $(ARGS)

tables: $(core) ## print the paper's cost tables beside ours (ARGS=...)
	$(PY) -m rsp_lab tables $(ARGS)

train: $(training) ## train: make train RECIPE=NAME ARGS="..."
	$(PY) -m trainers $(RECIPE) $(ARGS)

ranks := docs/runs/arena/makes.json
results := docs/runs/study --repeats docs/runs/camvid --makes docs/runs/makes --panoptic docs/runs/panoptic \
           $$(test -f $(ranks) && echo --arena $(ranks)) -o docs/results.md

study: $(training) ## train what the results page compares, then write docs/results.md (ARGS="--seeds 0 1 2")
	$(PY) -m trainers study -o runs/study $(ARGS)
	$(PY) -m trainers study -o runs/study --seeds 3 4 --heads baseline_q67 rsp4
	$(PY) -m trainers repeat camvid_lite0_baseline camvid_lite0_rsp4 -o runs/camvid --steps 300 $(ARGS)
	$(PY) -m trainers records runs/study -o docs/runs/study
	$(PY) -m trainers records runs/camvid -o docs/runs/camvid
	$(PY) -m trainers results $(results)

decoders := fpn upernet segformer deeplabv3plus
asked := $(patsubst %,runs/makes/scenes_%-0/best.safetensors,lite0_baseline lite0_rsp4 $(decoders:%=smp_%))

makes: $(training) ## train decoders of other makes beside ours, then write docs/results.md (ARGS="--seeds 0 1")
	$(PY) -m trainers repeat scenes_lite0_baseline scenes_lite0_rsp4 $(decoders:%=scenes_smp_%) -o runs/makes $(ARGS)
	$(PY) -m trainers repeat $(decoders:%=camvid_smp_%) -o runs/makes $(ARGS)
	$(PY) -m trainers records runs/makes -o docs/runs/makes
	$(PY) -m rsp_lab arena -o runs/makes-arena --models $(asked) --size 128 256
	mkdir -p $(dir $(ranks)) && cp runs/makes-arena/arena.json $(ranks)
	$(PY) -m trainers results $(results)

pair := scenes_panoptic_baseline scenes_panoptic_rsp4d

panoptic: $(training) ## train the panoptic pair with two seeds, then write docs/results.md
	$(PY) -m trainers repeat $(pair) -o runs/panoptic --seeds 0 1 $(ARGS)
	$(PY) -m trainers records runs/panoptic -o docs/runs/panoptic
	for seed in 0 1; do $(PY) -m trainers effect $(pair:%=runs/panoptic/%-$$seed) -o docs/runs/panoptic/effects/$$seed.json; done
	$(PY) -m trainers results $(results)

faults: $(training) ## break training and kill commands on purpose, and count what survives
	$(PY) -m trainers.faults $(ARGS)
	$(PY) -m tests.interruptions $(INTERRUPTIONS)

fuzz: $(dev) ## feed damaged and odd inputs to the product and count what comes of it (SEED=0 CASES=1000)
	$(PY) -m tests.fuzz --seed $(SEED) --cases $(CASES) $(ARGS)

docs: $(dev) ## build the documentation site into build/docs, running notebooks that changed
	$(PY) -m sphinx -W --keep-going -b html docs build/docs $(ARGS)

licences: $(dev) ## write the licences of all dependencies to docs/licences.md
	$(PY) docs/licences.py

# Browser tests drive the system's Chromium, rather its headless shell, which starts with far less work. Where none can
# be found or installed they skip, and say so.
chromium:
	@command -v chromium-headless-shell >/dev/null && exit 0; found=; \
	for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && found=$$name; done; \
	command -v apt-get >/dev/null || { [ "$$found" ] || echo "No Chromium and no apt-get: the browser tests will skip."; exit 0; }; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif [ "$$found" ]; then exit 0; \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else echo "No Chromium, and no right to install it: the browser tests will skip."; exit 0; fi; \
	install="$$as_root apt-get install -y --no-install-recommends"; \
	{ $$as_root apt-get update && { $$install chromium-headless-shell || [ "$$found" ] || $$install chromium; }; } \
	|| [ "$$found" ] || echo "Chromium could not be installed: the browser tests will skip."

pins: $(dev) ## write constraints.txt from what is installed
	{ sed -n '/^#/p' constraints.txt; $(PIP) freeze --exclude-editable | grep -v -i -E '^(cuda-|nvidia-|triton)'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove caches and build outputs, keep .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find app rsp_lab tests trainers -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "rsp_lab needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(MINIMUM)/.ready: pyproject.toml constraints-minimum.txt
	$(PYTHON) -m venv $(MINIMUM)
	$(MINIMUM)/bin/python -m pip --disable-pip-version-check install -c constraints-minimum.txt . pytest pytest-timeout
	$(MINIMUM)/bin/python -m pip uninstall -y rsp-lab
	@touch $@

$(VENV)/.ready-%: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Setting up $(VENV) ($*). The first time downloads torch and takes some minutes."
	$(PIP) install -c constraints.txt -e '.$(extras-$*)'
	@touch $@
	@if [ $* = dev ]; then touch $(core) $(app) $(training); fi
