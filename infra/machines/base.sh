#!/usr/bin/env bash
# What every machine with a part of the stack needs; the scripts beside this one source it, as root, on bare
# Ubuntu 22.04: Docker, the project's .env and certificate, and what sets a variable of .env.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export HOME=/root DEBIAN_FRONTEND=noninteractive

apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends \
    docker.io docker-compose-v2 docker-buildx make openssl awscli jq curl unattended-upgrades

# put NAME VALUE
put() {
    sed -i "/^$1=/d" .env
    printf '%s=%s\n' "$1" "$2" >>.env
}

# secret FIELD: username or password of the warehouse, by the machine's role.
secret() {
    aws secretsmanager get-secret-value --secret-id "$WAREHOUSE_SECRET" --query SecretString --output text |
        jq --raw-output --exit-status ".$1"
}

# The warehouse is RDS: over TLS, its certificate verified.
use_the_warehouse() {
    local user password
    user=$(secret username)
    password=$(secret password)
    put WAREHOUSE_HOST "$WAREHOUSE_HOST"
    put WAREHOUSE_PORT 5432
    put WAREHOUSE_DATABASE ml_results
    put WAREHOUSE_USER "$user"
    put WAREHOUSE_PASSWORD "$password"
    put WAREHOUSE_SSLMODE verify-full
    put WAREHOUSE_SSLROOTCERT /run/secrets/warehouse-ca.crt
    curl --fail --silent --show-error --retry 5 --output certificates/warehouse-ca.crt \
        https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
}

docker/setup.sh
put AIRFLOW_HOST "$AIRFLOW_HOST"
put SUPERSET_HOST "$SUPERSET_HOST"
# Nothing of the stack's own that S3 and RDS replace.
put COMPOSE_PROFILES ""
