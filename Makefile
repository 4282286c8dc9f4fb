# Two commands are enough: `make demo` and `make test`. Each builds its own environment from a hash-locked file.
PYTHON ?= python3
RUN := .venv
TEST := .venv-test
PIP_FLAGS := --quiet --disable-pip-version-check --no-input
# TORCH=cpu takes the build of torch without CUDA (Linux, x86-64, Python 3.11), which pip must be told where to find.
TORCH ?= any
TORCH_CPU := 6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
CUDA := setuptools triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cccl cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 \
  cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

.PHONY: demo test train check lint types imports lock bench clean help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(RUN)/.ready  ## a real shop's data to a sent and measured campaign, in demo/
	$(RUN)/bin/brandloom demo demo

test: $(TEST)/.ready  ## every test that this machine can run
	$(TEST)/bin/python -m brandloom.openmp pytest

train: $(TEST)/.ready requirements/train-$(TORCH).lock  ## add what training an adapter needs, so that its tests run too
	$(TEST)/bin/python -m pip install $(PIP_FLAGS) --require-hashes --no-build-isolation -r requirements/train-$(TORCH).lock

check: lint types imports test  ## what CI checks

lint: $(TEST)/.ready  ## style
	$(TEST)/bin/ruff check src tests benchmarks

types: $(TEST)/.ready  ## strict types
	$(TEST)/bin/mypy

imports: $(TEST)/.ready  ## rooms import only what stands before them
	$(TEST)/bin/lint-imports

bench: $(TEST)/.ready  ## every benchmark, results in benchmarks/results and benchmarks/RESULTS.md
	$(TEST)/bin/python -m benchmarks.run

lock:  ## renew the locked files from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements/build.in -o requirements/build.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev --no-emit-package brandloom \
	  pyproject.toml requirements/build.in -o requirements/test.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url -c requirements/test.lock \
	  pyproject.toml requirements/build.in -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url -c requirements/test.lock \
	  requirements/train.in -o requirements/train-any.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url -c requirements/train-any.lock \
	  $(foreach name,$(CUDA),--no-emit-package $(name)) requirements/train.in -o requirements/train-cpu.lock
	sed -i -e '/^torch==/,/ # via/{/--hash/d}' -e 's/^\(torch==[^ ]*\) .*/\1+cpu \\\n    --hash=sha256:$(TORCH_CPU)/' requirements/train-cpu.lock

clean:  ## remove environments and the demo
	rm -rf $(RUN) $(TEST) demo

$(RUN)/.ready: requirements/build.lock requirements/run.lock pyproject.toml
	$(call environment,$(RUN),requirements/run.lock)

$(TEST)/.ready: requirements/build.lock requirements/test.lock pyproject.toml
	$(call environment,$(TEST),requirements/test.lock)

# Build tools come first and locked, so that nothing unlocked is fetched to build a package.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Brandloom needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(1) (once) ..."
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements/build.lock
	$(1)/bin/python -m pip install $(PIP_FLAGS) --require-hashes --no-build-isolation -r $(2)
	$(1)/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $(1)/.ready
endef
