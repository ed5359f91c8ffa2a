#!/usr/bin/env bash
# Runs the tests of the stack; arguments go to pytest. They need a Docker engine with Compose and BuildKit,
# Chromium with its driver, and half an hour on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.tools/bin:$PATH"
exec uv run --quiet --isolated --no-project --python .venv/bin/python \
    --with-requirements docker/tests/requirements.txt pytest "${@:-docker/tests}"
