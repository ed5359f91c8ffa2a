#!/usr/bin/env bash
# Before the first start: makes .env from .env.example with random passwords, and a self-signed
# certificate. What is there already stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=${COMPOSE_ENV_FILES:-.env}

say() { echo "setup: $*" >&2; }

# Compose and the proxy of the Docker engine read more into some characters than meets the eye.
[[ $PWD =~ ^[[:alnum:]\ ./_@+-]+$ ]] || { say "the path of this folder has characters other than letters, digits, blank and ./_@+-: $PWD"; exit 1; }

# The example's lines whose variable the file lacks, random values filled in.
missing() {
    while IFS= read -r line; do
        case $line in
            [A-Z]*=*) ! grep -q "^${line%%=*}=" "$1" || continue ;;
        esac
        case $line in
            DATA_DIR=) line+=$PWD/data ;;
            AIRFLOW_FERNET_KEY=) line+=$(openssl rand -base64 32 | tr +/ -_) ;;
            *_PASSWORD= | *_KEY=) line+=$(openssl rand -hex 20) ;;
        esac
        echo "$line"
    done <.env.example
}

umask 077
draft=$(mktemp "$env.XXXXXX")
trap 'rm -f "$draft"' EXIT
if [[ ! -e $env ]]; then
    missing /dev/null >"$draft"
    mv "$draft" "$env"
    say "made $env with new passwords"
else
    # An update may bring variables that an older file does not know.
    cp "$env" "$draft"
    new=$(missing "$env" | grep '^[A-Z]' || true)
    if [[ -n $new ]]; then
        printf '\n%s\n' "$new" >>"$draft"
        mv "$draft" "$env"
        say "new in $env: $(cut -d= -f1 <<<"$new" | xargs); .env.example explains them"
    fi
fi

# As for Compose, a variable of the environment comes before the file.
value() { echo "${!1:-$(sed -n "s/^$1=//p" "$env")}"; }
certificates=$(value CERTIFICATES)
if [[ ! -e $certificates/server.crt && ! -e $certificates/server.key ]]; then
    docker/nginx/certificate.sh "$certificates" "$(value AIRFLOW_HOST)" "$(value SUPERSET_HOST)"
    say "made $certificates/server.crt, signed by itself: browsers warn of it; put your own in its place"
fi
