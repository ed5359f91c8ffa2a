#!/usr/bin/env bash
# Bare Ubuntu 22.04 to `airflow`: web server and scheduler on their own PostgreSQL; the lake is the bucket, by the
# machine's role. The user data of ../stack.yaml calls it and sets the variables.
# shellcheck source=infra/machines/base.sh
source "$(dirname "${BASH_SOURCE[0]}")/base.sh"

put COMPOSE_FILE docker-compose.yaml:infra/machines/airflow.yaml
put LAKE_URL "s3://$LAKE_BUCKET"
put LAKE_REGION "$AWS_DEFAULT_REGION"
put LAKE_ENDPOINT ""
put LAKE_ACCESS_KEY ""
put LAKE_SECRET_KEY ""
use_the_warehouse

docker/build.sh airflow-init
docker compose up --detach --wait airflow-webserver airflow-scheduler
