# The developers' menu. `make` lists it.
SHELL := /bin/sh
RUN = . ./tools.sh && "$$UV" run --frozen

.PHONY: help install lint test nightly bench docs
help:            ## list what there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install:         ## make .venv with the locked versions
	. ./tools.sh && "$$UV" sync --frozen

lint:            ## formatting, style, types, architecture
	$(RUN) ruff format --check . && $(RUN) ruff check . && $(RUN) mypy && $(RUN) lint-imports

test:            ## the whole suite, with the servers it needs
	./test

nightly:         ## the long property runs, every protection broken once, and 200 runs of real processes that are killed
	HYPOTHESIS_PROFILE=nightly ./test tests/property tests/mutation tests/unit/sandbox/test_filling.py \
	  tests/integration/test_bench.py tests/integration/active_directory/test_changes.py tests/acceptance/test_demo.py
	KILLS=200 ./test tests/acceptance/test_kills.py tests/acceptance/test_two_runs.py -rP

bench:           ## people per second and memory of each stage, beside ldapsearch; N=10000 by default
	$(RUN) python -m bench $(if $(N),--people $(N))

docs:            ## check that the documentation's links, commands and examples are true
	$(RUN) pytest tests/acceptance/test_docs.py
