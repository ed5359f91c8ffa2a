#!/usr/bin/env bash
# Bare Ubuntu 22.04 to `nginx`: TLS before the other two machines. The user data of ../stack.yaml calls it and sets
# the variables.
# shellcheck source=infra/machines/base.sh
source "$(dirname "${BASH_SOURCE[0]}")/base.sh"

put AIRFLOW_UPSTREAM airflow.flight-delays.internal:8080
put SUPERSET_UPSTREAM superset.flight-delays.internal:8088

# What it depends on runs elsewhere. What is mounted is read when a container starts.
docker compose up --detach --wait --no-deps --force-recreate nginx
