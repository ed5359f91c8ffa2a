#!/usr/bin/env bash
# Runs the tests of the ground; arguments go to pytest. No account of AWS is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.tools/bin:$PATH"
exec uv run --quiet --isolated --no-project --python .venv/bin/python \
    --with-requirements infra/tests/requirements.txt pytest "${@:-infra/tests}"
