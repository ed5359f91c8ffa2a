# make run    the whole job on the sample years: builds and installs what is missing, runs the DAG
# make run YEARS="2018 2019" LAKE=/path/or/s3://bucket  the same on years of your own lake
# make test   every test: builds and installs what is missing
# make psql   a look at the table that make run filled
# make shell  a shell with the workers on the PATH and the warehouse at hand, to run them one by one
# make dashboard  Superset on that table: prints where, ends with Ctrl-C
# make stack  the whole stack in containers: checks what it needs, creates passwords and a certificate that are missing, builds, starts
# make stack-test  every test of the stack, against the Docker engine of this machine: about half an hour
# make chaos  workers killed at every system call, broken lines, bad bytes, two runs at once, too little of everything: most of an hour
# make notebooks  runs the notebooks and keeps in them what comes out
# make lint   formatting and lints, as CI checks them
# make bench  the workers on a full year beside Python polars and DuckDB
# make bench-before COMMIT=…  the workers on that year beside those of an earlier commit
# make clean  removes what the targets above have made, but for the build cache in target/

SHELL := /bin/bash
PYTHON := .venv/bin/python
CHAOS := $(patsubst crates/chaos/tests/%.rs,--test %,$(wildcard crates/chaos/tests/*.rs))
FULL_YEAR := .run/bench/lake/01_bronze/2018.csv
# uv trusts whom this machine trusts, a proxy's certificate among them.
export UV_SYSTEM_CERTS := true

.PHONY: run inputs test chaos dashboard stack stack-test psql shell notebooks lint bench bench-before clean workers environment superset

run: inputs workers environment
	@$(PYTHON) airflow/local/run.py

test: environment superset
	@.ci/test

chaos: workers environment $(FULL_YEAR)
	@crates/build.sh test --no-run --release --workspace $(CHAOS)
	@set -o pipefail; cargo test --quiet --no-fail-fast --release --workspace $(CHAOS) -- --include-ignored --nocapture --test-threads=1 2>&1 | tee .run/chaos.log
	@! grep -a "SKIPPED: " .run/chaos.log

dashboard: environment superset
	@$(PYTHON) airflow/local/dashboard.py

stack:
	@docker/start.sh

stack-test: environment
	@docker/tests/run.sh
	@infra/tests/run.sh infra/tests/test_machines.py -rs

psql: environment
	@$(PYTHON) airflow/local/postgres.py with .run/postgres psql

shell: workers environment
	@PATH="$$PWD/target/release:$$PATH" $(PYTHON) airflow/local/postgres.py with .run/postgres bash

notebooks: workers environment
	notebooks/run.sh jupyter execute --inplace notebooks/*.ipynb

lint: environment
	cargo fmt --check
	crates/build.sh clippy --release --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --offline --log-level error check licenses sources bans; else echo "lint: no cargo-deny" >&2; fi
	$(PYTHON) -m ruff check .ci airflow bench docker infra notebooks
	$(PYTHON) -m ruff format --check .ci airflow bench docker infra notebooks
	@if command -v shellcheck >/dev/null; then shellcheck $$(git ls-files '*.sh' .ci/run .ci/test); else echo "lint: no shellcheck" >&2; fi

bench: workers environment $(FULL_YEAR)
	@PATH="$$PWD/.tools/bin:$$PATH" uv run --quiet --script bench/bench.py

bench-before: workers environment $(FULL_YEAR)
	@$(PYTHON) bench/before.py $(COMMIT)

# A year of the size and shape of 2018, made once.
$(FULL_YEAR): | environment
	@mkdir -p $(@D)
	@PATH="$$PWD/.tools/bin:$$PATH" uv run --quiet --script bench/make_year.py 2018 7213446 $@.unfinished
	@mv $@.unfinished $@

clean:
	@if [ -x $(PYTHON) ]; then $(PYTHON) airflow/local/postgres.py remove .run/postgres; fi
	rm -rf .run .venv .tools

# Wrong values of YEARS and LAKE are reported before the first build.
inputs:
	@! command -v python3 >/dev/null || python3 airflow/local/inputs.py

workers:
	@crates/build.sh build --release --workspace --bins

environment:
	@airflow/local/setup.sh

superset: environment
	@airflow/local/superset.sh
