# One word a job. `make demo` and `make test` need python3 (3.11 to 3.13) with venv, and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONFIG ?= deploy/ringwarden.example.toml

.PHONY: demo letter run test check compiled bench bench-tools bench-check soak fuzz mutate mutate-sip clean

demo: $(VENV)/.installed
	$(BIN)/ringwarden demo

letter: $(VENV)/.installed
	$(BIN)/python -m proxy.lab.letter

run: $(VENV)/.installed
	$(BIN)/ringwarden run --config $(CONFIG)

test: $(VENV)/.tested
	$(BIN)/python -m pytest

check: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A wheel with the SIP room as machine code, in dist/: a call costs less CPU. Needs a C compiler and Python's headers.
compiled: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[compile]'
	$(BIN)/python deploy/compiled.py wheel dist

# Debian's sip-tester, kamailio and kamailio-secsipid-modules are what it measures beside: `make bench-tools` installs them.
bench: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,bench]'
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks $(BENCH)

bench-tools:
	sudo apt-get install --yes --no-install-recommends sip-tester kamailio kamailio-secsipid-modules

# Has a call become more expensive than benchmarks/budget.toml says? Needs valgrind, and a minute and a half.
bench-check: $(VENV)/.tested
	$(BIN)/python -m benchmarks.check

# 24 hours by a clock of its own (ten minutes of ours), and twenty minutes by the real one.
soak: $(VENV)/.tested
	$(BIN)/python -m benchmarks.soak $(SOAK)

fuzz: $(VENV)/.tested
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.fuzz.identity
	$(BIN)/python -m tests.fuzz.capture

# shaken (five minutes), then proxy/sip (three quarters of an hour of one core). `make mutate-sip MUTATE="--seconds 60 --show"` asks a part of that.
mutate: $(VENV)/.tested
	$(BIN)/python -m tests.mutation
	$(MAKE) mutate-sip

mutate-sip: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,mutate]'
	$(BIN)/python -m tests.mutate $(MUTATE)

clean:
	rm -rf $(VENV) mutants build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.tested: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@
