#!/usr/bin/env bash
# build.sh [SERVICE]: builds the images of the stack, or that of one service (airflow-init, superset-init).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# An attestation gives an unchanged image a new digest in each build, and `up` would then recreate its containers.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1

# Airflow's image copies the workers from theirs, so Compose cannot build the two at the same time.
if [[ ${1:-airflow-init} == airflow-init ]]; then
    docker/compose.sh build workers
fi
docker/compose.sh build "$@"
