# Every target sets up what it needs: a machine needs Python 3.11 or newer, make and g++.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROW ?= clipping
MUTATED := reductions clipping optimizer sgd adam rmsprop lion schedules

.PHONY: help setup audit prove planted test interop lint mutate fresh recheck bench parity clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup: $(VENV)/installed  ## Make .venv and install what proving, testing and linting need

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

audit: setup  ## Prove, test and compare kernels as far as that is not done, and write the report to build/audit
	$(BIN)/python -m proofs audit

prove: setup  ## Prove every claim; fails unless all that is expected is established
	$(BIN)/python -m proofs run

planted: setup  ## Plant every bug into the shipped code and see that it turns a claim red
	$(BIN)/python -m proofs planted

test: setup  ## Run the tests
	$(BIN)/python -m pytest -n auto

interop: setup  ## Install torch and compare the optimizers and schedules with its own
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[interop]'
	$(BIN)/python -m pytest -n auto -k torch

lint: setup  ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

mutate: setup  ## Plant bugs in the functions of ROW, or in the kernels (ROW=kernels), and see that they are found
	$(BIN)/python -m proofs.mutation$(if $(filter kernels,$(ROW)),.kernels, $(ROW))

fresh: setup  ## See that the results of make mutate are about this code, and run a few mutants again
	for row in $(MUTATED); do $(BIN)/python -m proofs.mutation $$row --sample 4 || exit 1; done

recheck: setup  ## Ask a second solver the queries of the last run
	$(BIN)/python -m proofs recheck --solver cvc5

parity: setup  ## Compare the kernels with the reference, bit for bit, on the GPU if there is one
	$(BIN)/python -m accelerated.parity

bench: setup  ## Measure the cost of the norm, of clipping, of contracts, of the elementary functions, of AdamW and of kernels
	$(BIN)/python -m benchmarks.norm
	$(BIN)/python -m benchmarks.elementary
	$(BIN)/python -m benchmarks.adam
	$(BIN)/python -m benchmarks.accelerated

clean:  ## Remove what was built, the environment and the cache of answers too
	rm -rf build $(VENV) .proofgrad-cache
