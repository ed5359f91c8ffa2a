#!/usr/bin/env bash
# Bare Ubuntu 22.04 to `superset`: the dashboard, on the warehouse. The user data of ../stack.yaml calls it and
# sets the variables.
# shellcheck source=infra/machines/base.sh
source "$(dirname "${BASH_SOURCE[0]}")/base.sh"

put COMPOSE_FILE docker-compose.yaml:infra/machines/superset.yaml
use_the_warehouse

docker/build.sh superset-init
docker compose up --detach --wait superset
