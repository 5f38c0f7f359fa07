# Two commands for a newcomer: make demo, make test. Both set up all that they need.
PYTHON ?= python3
VENV := .venv
CONVERT := .venv-convert
BIN := $(VENV)/bin
DATA ?= ../shared/data
SECONDS ?=

.PHONY: demo test test-convert test-system test-tflite-runtime lint bench bench-page soak evaluate setup packages clean

demo: $(VENV)/.runtime
	$(BIN)/mien demo $(if $(SECONDS),--seconds $(SECONDS))

# What runs on the device: wheels only, no compiler.
setup: $(VENV)/.runtime
$(VENV)/.runtime: pyproject.toml device/commands/fetch_detectors.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	$(BIN)/mien models fetch
	touch $@

# What the tests need beside it: Debian packages (sudo is asked for those alone) and the development extra.
packages:
	@sh tests/packages.sh

$(VENV)/.dev: $(VENV)/.runtime pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,mic]'
	touch $@

test: packages
	@$(MAKE) --no-print-directory $(VENV)/.dev
	@$(MAKE) --no-print-directory lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile -m "not convert and not system" $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/python tests/coverage_floor.py

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# PyTorch and the converter, in an environment of their own (2 GB).
$(CONVERT)/.done: pyproject.toml
	$(PYTHON) -m venv $(CONVERT)
	$(CONVERT)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(CONVERT)/bin/pip install --quiet --disable-pip-version-check -e '.[convert]' pytest pytest-timeout
	touch $@

test-convert: $(CONVERT)/.done
	$(CONVERT)/bin/python -m pytest tests/convert $(PYTEST)

# Mien as system services in a Debian that boots here; needs root, debootstrap and systemd-container.
test-system: $(VENV)/.dev
	$(BIN)/python -m pytest -m system $(PYTEST)

# The older runtime, for who has it installed already.
test-tflite-runtime:
	$(PYTHON) -m venv .venv-tflite
	.venv-tflite/bin/pip install --quiet --disable-pip-version-check tflite-runtime==2.14.0 'numpy<2' \
		opencv-python-headless==4.11.0.86 msgspec av scikit-image pytest pytest-timeout
	.venv-tflite/bin/python -m device.cli models fetch
	.venv-tflite/bin/python -m pytest tests/perception/models/test_model.py tests/perception/face/test_detector.py $(PYTEST)

# mien bench, then its peers on the same frames and sound (4 GB in ~/.cache/mien-bench at the first time). PEERS=lean,human
# measures those alone, PEERS=none none of them, FULL=1 every size, number of faces and of threads.
bench: $(VENV)/.runtime
	$(BIN)/python -m tests.bench $(if $(PEERS),--peers $(PEERS)) $(if $(FULL),--full)

# Months in hours: what would a service die of? Two hours of one core; fewer with FRAMES and HOURS.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak --frames $(or $(FRAMES),1000000) --hours $(or $(HOURS),24)

# What the page costs a Chromium while the mood rests.
bench-page: $(VENV)/.dev
	$(BIN)/python -m tests.page.cpu

# The accuracies that the cards and the README state, measured again on the committed .tflite files.
evaluate: $(VENV)/.dev
	$(BIN)/python -m convert evaluate --data $(DATA)

clean:
	rm -rf $(VENV) $(CONVERT) .venv-tflite .mypy_cache .ruff_cache .pytest_cache .coverage*
