#!/usr/bin/env bash
# Runs a command in the pinned environment of the notebooks, which uv makes when it is not in its cache.
# notebooks/run.sh pytest --nbval notebooks            run them, compare with what they hold
# notebooks/run.sh jupyter execute --inplace FILE...   run them, keep what comes out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.tools/bin:$PATH"
exec uv run --quiet --isolated --no-project --python .venv/bin/python \
    --with-requirements notebooks/requirements.txt "$@"
