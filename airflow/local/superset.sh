#!/usr/bin/env bash
# Makes .run/superset/venv, the private Python 3.11 environment with the pinned Superset, when it is not there or
# not up to date. The pins are for Python 3.11, which the image of Superset has too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.tools/bin:$PATH"  # uv, if it was not there; see setup.sh
venv=.run/superset/venv

mkdir -p .run/superset
exec 9>.run/superset/lock
flock 9

wanted=$(sha256sum <docker/superset/requirements.txt)
if [[ $(cat "$venv/up-to-date" 2>/dev/null) == "$wanted" ]]; then
    exit 0
fi

say() { echo "setup: $*" >&2; }
is_python_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

python=3.11
for candidate in python3.11 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11.*/bin/python; do
    if is_python_311 "$candidate"; then
        python=$candidate
        break
    fi
done

say "installing Superset 6.1.0 into $venv (Python: $python)"
rm -rf "$venv"
uv venv --quiet --python "$python" "$venv" || {
    say "no Python 3.11: install one (pyenv install 3.11, or your system's python3.11 with its venv module)"
    exit 1
}
# Compiled once, not at each start.
uv pip install --quiet --compile-bytecode --python "$venv/bin/python" -r docker/superset/requirements.txt
echo "$wanted" >"$venv/up-to-date"
