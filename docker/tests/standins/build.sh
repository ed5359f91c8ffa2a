#!/usr/bin/env bash
# Images under the official names of those that the stack is made of, from the packages of Debian, PyPI
# and crates.io: for the tests on a machine that reaches no registry of images. They do what the stack asks
# of the official ones, no more. An image that is there already is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
project=$(cd ../../.. && pwd)
cache=$project/.run/standins
mkdir -p "$cache"

say() { echo "standins: $*" >&2; }
have() { docker image inspect "$1" >/dev/null 2>&1; }
# The image of this name with the tag that docker-compose.yaml pins.
pinned() { sed -n "s|^ *image: \($1:[0-9.]*\)$|\1|p" "$project/docker-compose.yaml" | sort -u; }

# debian:bookworm-slim and the like; certificates that this machine trusts are trusted there too.
base() {
    have "debian:$1-slim" && return
    local root=$cache/$1
    if [[ ! -d $root ]]; then
        say "making Debian $1"
        rm -rf "$root.draft"
        debootstrap --variant=minbase --include=ca-certificates "$1" "$root.draft" >"$cache/$1.log"
        if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
            cp /usr/local/share/ca-certificates/*.crt "$root.draft/usr/local/share/ca-certificates/"
            chroot "$root.draft" update-ca-certificates >/dev/null 2>&1
        fi
        rm -rf "$root.draft"/var/cache/apt/archives/*.deb "$root.draft"/var/lib/apt/lists/*
        mv "$root.draft" "$root"
    fi
    tar -C "$root" --one-file-system -c . | docker import - "debian:$1-slim" >/dev/null
}

# standin IMAGE FOLDER [FOLDER FILE...]: an image of a folder here, with files of another beside it.
standin() {
    have "$1" && return
    say "making $1"
    tar -c -C "$PWD/$2" . ${3:+-C "$3"} "${@:4}" | docker build --quiet --tag "$1" - >/dev/null
}

base bookworm
base trixie
standin "$(pinned postgres)" postgres
standin "$(pinned nginx)" nginx
standin "$(pinned haproxy)" haproxy

seaweedfs=$(pinned chrislusf/seaweedfs)
if ! have "$seaweedfs"; then
    [[ -x $cache/bin/s3s-fs ]] || {
        say "building s3s-fs"
        CARGO_TARGET_DIR=$cache/target cargo install --quiet --locked --root "$cache" --features binary s3s-fs@0.14.1
        rm -rf "$cache/target"
    }
    standin "$seaweedfs" seaweedfs "$cache/bin" s3s-fs
fi

standin rust:1.95-bookworm rust "$(rustc --print sysroot)" \
    --exclude=*lldb* bin/cargo bin/rustc lib

standin apache/superset:6.1.0 superset "$project/docker/superset" requirements.txt

# The Python of the run without Docker, and what is pinned there.
python=$("$project/.venv/bin/python" -c 'import sys; print(sys.base_prefix)')
standin apache/airflow:2.4.3-python3.10 airflow "$python" \
    --exclude=__pycache__ --exclude=test bin lib -C "$project/airflow" constraints.txt
