#!/usr/bin/env bash
# Makes .venv, the private Python 3.10 environment with the pinned Airflow, when it is not there or
# not up to date. Airflow 2.4 runs on Python 3.7 to 3.10 only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# One at a time: make run and make test may be started together.
mkdir -p .run
exec 9>.run/setup.lock
flock 9

wanted=$(cat airflow/constraints.txt airflow/requirements.txt airflow/{local,tests}/requirements.txt | sha256sum)
if [[ -x .venv/bin/python && $(cat .venv/up-to-date 2>/dev/null) == "$wanted" ]]; then
    exit 0
fi

say() { echo "setup: $*" >&2; }
is_python_310() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; }

# uv installs in seconds what takes pip minutes, and can fetch a Python.
if ! command -v uv >/dev/null; then
    if [[ ! -x .tools/bin/uv ]]; then
        command -v python3 >/dev/null || { say "no python3: install it (Debian: apt-get install python3-venv)"; exit 1; }
        say "installing uv into .tools"
        python3 -m venv .tools || { say "python3 has no venv: install it (Debian: apt-get install python3-venv)"; exit 1; }
        .tools/bin/pip install --quiet --disable-pip-version-check uv
    fi
    export PATH="$PWD/.tools/bin:$PATH"
fi

# A python3.10 on the path may be pyenv's shim, which fails; pyenv's own versions come next.
python=3.10
for candidate in python3.10 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python; do
    if is_python_310 "$candidate"; then
        python=$candidate
        break
    fi
done

say "installing Airflow 2.4.3 and the tools of the local run into .venv (Python: $python)"
rm -rf .venv
uv venv --quiet --python "$python" .venv || {
    say "no Python 3.10: install one (pyenv install 3.10, or your system's python3.10 with its venv module)"
    exit 1
}
uv pip install --quiet --python .venv/bin/python --constraints airflow/constraints.txt \
    -r airflow/requirements.txt -r airflow/local/requirements.txt -r airflow/tests/requirements.txt
echo "$wanted" >.venv/up-to-date
