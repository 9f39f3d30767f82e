# 'make demo' and 'make test' set themselves up: they need git, make and Python 3.10 or newer with its venv module.

PYTHON ?= python3
VENV := .venv
MAVPROXY := 1.8.75
# Exact versions to install, such as requirements/ci.txt; without it pip takes the newest that fit.
CONSTRAINTS ?=
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))
# A program of $(VENV) that there is not for every machine: without it what it would have checked is said instead.
IF_THERE = if [ -x $(VENV)/bin/$(1) ]; then run=$(VENV)/bin/$(1); else run="echo NOT CHECKED, no $(1) here:"; fi; $$run

.PHONY: help demo test properties lint types docs wheels release-check sbom lock engine clean

help:
	@echo "make demo    invent a world, build its cache, fly without GPS, show the figures"
	@echo "make test    run the tests"
	@echo "make lint    check the style"
	@echo "make types   check the types"
	@echo "make wheels  check that every dependency has a wheel for arm64 boards"
	@echo "make properties     look for examples that break a property of the tests, other ones every time"
	@echo "make release-check  build wheel and sdist, fly the demo from them with every Python here"
	@echo "make sbom    write docs/third-party.md and uavloc.cdx.json: dependencies and licences"
	@echo "make lock    write the versions that continuous integration installs"
	@echo "make docs    build the documentation site: build/site/index.html"
	@echo "make engine  train a small engine (IMAGERY=FOLDER: see tools/train/README.md)"
	@echo "make clean   remove everything made here"

demo: $(VENV)/.ready
	@$(VENV)/bin/uavloc demo

# One process for every core; the tests of a file stay together, because they share what they build.
test: $(VENV)/.ready-to-test
	@$(VENV)/bin/python -m pytest -q -n auto --dist loadfile

properties: $(VENV)/.ready-to-test
	@$(VENV)/bin/python -m pytest -q -n auto -m hypothesis --hypothesis-profile=default

lint: $(VENV)/.ready-to-test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(call IF_THERE,shellcheck) .ci/run tools/install/*.sh
	@$(call IF_THERE,hadolint) packaging/docker/Dockerfile.*

types: $(VENV)/.ready-to-test
	@$(VENV)/bin/mypy

docs: $(VENV)/.ready-to-test
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet
	@echo "build/site/index.html"

wheels: $(VENV)/.ready-to-test
	@$(VENV)/bin/python tools/wheels.py

release-check: $(VENV)/.ready-to-test
	@$(VENV)/bin/python tools/release_check.py --out dist

sbom: $(VENV)/.ready-to-test
	@$(VENV)/bin/python tools/third_party.py
	@$(VENV)/bin/python tools/third_party.py --sbom uavloc.cdx.json

lock: $(VENV)/.ready-to-test
	@$(VENV)/bin/python tools/lock.py

engine: $(VENV)/.ready-to-train
	@$(VENV)/bin/python tools/train/train.py tools/train/quick.toml $(if $(IMAGERY),--imagery '$(IMAGERY)') --out runs/quick
	@$(VENV)/bin/python tools/train/export.py runs/quick --out runs/quick/engine --name quick
	@$(VENV)/bin/uavloc engine verify runs/quick/engine

clean:
	rm -rf $(VENV) demo runs build dist uavloc.cdx.json .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.ready: pyproject.toml | $(VENV)/bin/pip
	@echo "installing what uavloc needs into $(VENV)"
	@$(PIP) -e '.[cpu,build,replay]'
	@touch $@

$(VENV)/.ready-to-test: pyproject.toml | $(VENV)/bin/pip
	@echo "installing what uavloc and its tests need into $(VENV)"
	@$(PIP) -e '.[cpu,build,replay,monitor,dev]'
	@$(PIP) --no-deps 'MAVProxy==$(MAVPROXY)' # its own wish for opencv-python would put another OpenCV over ours
	@$(PIP) -e '.[lint]' || echo "NOT INSTALLED: shellcheck and hadolint; 'make lint' leaves scripts and Dockerfiles out" >&2
	@touch $@ $(VENV)/.ready

$(VENV)/.ready-to-train: tools/train/requirements.txt $(VENV)/.ready-to-test
	@echo "installing what training needs into $(VENV)"
	@$(PIP) -r tools/train/requirements.txt
	@touch $@

$(VENV)/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.10 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "$(PYTHON) is too old: uavloc needs Python 3.10 or newer (make PYTHON=python3.11 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) has no venv module: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
