#!/usr/bin/env bash
# Runs `docker compose`, or `docker-compose` where it is installed as a program and not as a plugin of docker.
set -euo pipefail

if docker compose version >/dev/null 2>&1; then
    exec docker compose "$@"
fi
exec docker-compose "$@"
