#!/usr/bin/env bash
# Runs cargo and shows how far it is: crates/build.sh build --release …
#
# On a terminal cargo shows its own progress bar. Elsewhere (a log, CI, `docker build`) a line appears every 20 seconds:
# "build: 120 of 460 units compiled (crates and their build scripts), 80 s".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { echo "build: $*" >&2; }
command -v cargo >/dev/null || { say "no cargo: install Rust 1.92 or newer, see https://rustup.rs"; exit 1; }

# The first complete build creates the workers; docker/workers/Dockerfile builds them for a named target.
target=${CARGO_TARGET_DIR:-target}
if ! compgen -G "$target/release/extract" >/dev/null && ! compgen -G "$target/*/release/extract" >/dev/null; then
    say "the first build compiles all dependencies: about 10 to 15 minutes on two cores; later builds compile what changed"
fi

if [[ -t 2 ]]; then
    exec cargo "$@"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Cargo's progress bar is the only place where it says how many units there are.
CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 cargo "$@" 2>"$log" &
cargo=$!
trap 'kill "$cargo"' INT TERM

# Nothing is written to this pipe: reading from it with a time-out is a pause without a process that could outlive it.
exec {silence}<> <(:)
while ! read -rt 20 -u "$silence" && kill -0 "$cargo" 2>/dev/null; do
    last=$(tail -c 4000 "$log" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1)
    if [[ $last =~ Building\ .*\ ([0-9]+)/([0-9]+) ]]; then
        say "${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} units compiled (crates and their build scripts), $SECONDS s"
    else
        # For example "Blocking waiting for file lock on build directory".
        say "$(xargs <<<"$last"), $SECONDS s"
    fi
done &
reporter=$!

while kill -0 "$cargo" 2>/dev/null; do
    wait "$cargo"
    status=$?
done
kill "$reporter"
# What is left are warnings and errors.
steps='Compiling|Checking|Building|Finished|Executable|Downloading|Downloaded|Updating|Locking|Adding|Blocking'
tr '\r' '\n' <"$log" | grep -vE "^ +($steps) |^ +$" >&2
exit "$status"
