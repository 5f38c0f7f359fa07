# Two commands for a newcomer: make demo, make test. Both set up all that they need.
PYTHON ?= python3
VENV := .venv
CONVERT := .venv-convert
BIN := $(VENV)/bin
DATA ?= ../shared/data
SECONDS ?=
# Every package comes with a hash from requirements/, as a wheel; the two that have none are built by our own setuptools.
LOCKED := install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
FROM_SOURCE := --no-binary pyaudio,python-speech-features --no-build-isolation
THIS := install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .

.PHONY: demo test test-convert test-system test-tflite-runtime lint bench bench-page soak evaluate setup packages lock \
	sbom clean

demo: $(VENV)/.runtime
	$(BIN)/mien demo $(if $(SECONDS),--seconds $(SECONDS))

# What runs on the device: wheels only, no compiler.
setup: $(VENV)/.runtime
$(VENV)/.runtime: pyproject.toml requirements/build.txt requirements/device.txt device/commands/fetch_detectors.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip $(LOCKED) -r requirements/build.txt -r requirements/device.txt
	$(BIN)/pip $(THIS)
	$(BIN)/mien models fetch
	touch $@

# What the tests need beside it: Debian packages (sudo is asked for those alone) and the development extra.
packages:
	@sh tests/packages.sh

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt requirements/microphone.txt
	$(BIN)/pip $(LOCKED) $(FROM_SOURCE) -r requirements/dev.txt -r requirements/microphone.txt
	touch $@

test: packages
	@$(MAKE) --no-print-directory $(VENV)/.dev
	@$(MAKE) --no-print-directory lint
	$(BIN)/coverage erase
	rm -f /tmp/mien-coverage-$$(id -u).*
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile -m "not convert and not system and not soak" $(PYTEST)
	$(BIN)/coverage combine --quiet . $$(ls -d /tmp/mien-coverage-$$(id -u).* 2>/dev/null)
	$(BIN)/coverage report
	$(BIN)/python tests/coverage_floor.py

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# PyTorch and the converter, in an environment of their own (2 GB). Where pip does not find PyTorch's build for a CPU, the
# usual one comes, with its gigabytes for CUDA.
$(CONVERT)/.done: pyproject.toml requirements/convert.txt requirements/torch.txt requirements/torch-cpu.txt
	$(PYTHON) -m venv $(CONVERT)
	$(CONVERT)/bin/pip $(LOCKED) --no-deps -r requirements/torch-cpu.txt 2>/dev/null || \
		$(CONVERT)/bin/pip $(LOCKED) --no-deps -r requirements/torch.txt
	$(CONVERT)/bin/pip $(LOCKED) --no-deps -r requirements/build.txt -r requirements/convert.txt
	$(CONVERT)/bin/pip $(THIS)
	touch $@

test-convert: $(CONVERT)/.done
	$(CONVERT)/bin/python -m pytest tests/convert $(PYTEST)

# Mien as system services in a Debian that boots here; needs root, debootstrap and systemd-container.
test-system: $(VENV)/.dev
	$(BIN)/python -m pytest -m system $(PYTEST)

# The older runtime, for who has it installed already.
test-tflite-runtime:
	$(PYTHON) -m venv .venv-tflite
	.venv-tflite/bin/pip $(LOCKED) -r requirements/tflite-runtime.txt
	.venv-tflite/bin/python -m device.cli models fetch
	.venv-tflite/bin/python -m pytest tests/perception/models/test_model.py tests/perception/face/test_detector.py $(PYTEST)

# mien bench, then its peers on the same frames and sound (4 GB in ~/.cache/mien-bench at the first time). PEERS=lean,human
# measures those alone, PEERS=none none of them, FULL=1 every size, number of faces and of threads.
bench: $(VENV)/.runtime
	$(BIN)/python -m tests.bench $(if $(PEERS),--peers $(PEERS)) $(if $(FULL),--full)

# Months in hours: what would a service die of? Two hours of one core; fewer with FRAMES and HOURS. Before that, half an
# hour of kills and power cuts.
soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak $(PYTEST)
	$(BIN)/python -m tests.soak --frames $(or $(FRAMES),1000000) --hours $(or $(HOURS),24)

# What the page costs a Chromium while the mood rests.
bench-page: $(VENV)/.dev
	$(BIN)/python -m tests.page.cpu

# The accuracies that the cards and the README state, measured again on the committed .tflite files.
evaluate: $(VENV)/.dev
	$(BIN)/python -m convert evaluate --data $(DATA)

# Writes requirements/ anew after a change of pyproject.toml; UPGRADE=1 takes the newest versions that it allows.
lock: .venv-tools/.done
	PATH="$(CURDIR)/.venv-tools/bin:$$PATH" requirements/lock.sh

# A list of all that runs on the device, with versions, hashes and licences: mien.cdx.json (CycloneDX).
sbom: $(VENV)/.runtime .venv-tools/.done
	.venv-tools/bin/python -P requirements/sbom.py $(BIN)/python mien.cdx.json

.venv-tools/.done: requirements/tools.txt
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/pip $(LOCKED) -r requirements/tools.txt
	touch $@

clean:
	rm -rf $(VENV) $(CONVERT) .venv-tflite .venv-tools mien.cdx.json .mypy_cache .ruff_cache .pytest_cache .coverage*
