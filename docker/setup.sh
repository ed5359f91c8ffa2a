#!/usr/bin/env bash
# Before the first start: makes .env from .env.example with random passwords, and a self-signed
# certificate. What is there already stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
env=${COMPOSE_ENV_FILES:-.env}

say() { echo "setup: $*" >&2; }

if [[ ! -e $env ]]; then
    umask 077
    draft=$(mktemp "$env.XXXXXX")
    trap 'rm -f "$draft"' EXIT
    while IFS= read -r line; do
        case $line in
            DATA_DIR=) line+=$PWD/data ;;
            AIRFLOW_FERNET_KEY=) line+=$(openssl rand -base64 32 | tr +/ -_) ;;
            *_PASSWORD= | *_KEY=) line+=$(openssl rand -hex 20) ;;
        esac
        echo "$line"
    done <.env.example >"$draft"
    mv "$draft" "$env"
    say "made $env with new passwords"
fi

# As for Compose, a variable of the environment comes before the file.
value() { echo "${!1:-$(sed -n "s/^$1=//p" "$env")}"; }
certificates=$(value CERTIFICATES)
if [[ ! -e $certificates/server.crt && ! -e $certificates/server.key ]]; then
    docker/nginx/certificate.sh "$certificates" "$(value AIRFLOW_HOST)" "$(value SUPERSET_HOST)"
    say "made $certificates/server.crt, signed by itself: browsers warn of it; put your own in its place"
fi
