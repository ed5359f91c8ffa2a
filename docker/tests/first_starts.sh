#!/usr/bin/env bash
# first_starts.sh [NUMBER]: runs `make stack` NUMBER times (5 by default), each time from a Docker engine without images,
# containers, volumes and build cache. THIS DELETES EVERYTHING OF THE ENGINE. It refuses to run without
# FIRST_STARTS_MAY_DELETE_EVERYTHING=yes.
#
# The base images come back before each start: from the registry, or, where there is none, from IMAGES, a tar archive
# by `docker save`. Only the cache mounts of BuildKit stay (packages and compiled crates), so that only the first start
# compiles the workspace. Do not build with --no-cache meanwhile: BuildKit then begins with empty mounts.
# Prints a line for each start, and exits 1 if one of them fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ ${FIRST_STARTS_MAY_DELETE_EVERYTHING:-} == yes ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }

folder=$PWD/.run/first-starts
export COMPOSE_ENV_FILES=$folder/.env COMPOSE_PROJECT_NAME=flight-delays-first DATA_DIR=$folder/data
export CERTIFICATES=$folder/certificates HTTP_PORT=28080 HTTPS_PORT=28443 WAREHOUSE_LOOPBACK_PORT=25432

empty() {
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes
    docker volume prune --all --force
    docker network prune --force
    docker image prune --all --force
    docker builder prune --all --force --filter type!=exec.cachemount
    rm -rf "$folder"
    [[ -z $(docker image ls --quiet) && -z $(docker volume ls --quiet) ]]
}

mkdir -p .run
failed=0
for ((number = 1; number <= ${1:-5}; number++)); do
    empty >.run/first-starts.log 2>&1
    mkdir -p "$folder"
    if [[ -n ${IMAGES:-} ]]; then docker load --quiet --input "$IMAGES" >>.run/first-starts.log; fi
    start=$SECONDS
    if make stack >"$folder/make-stack.log" 2>&1; then
        unhealthy=$(docker/compose.sh ps --all --format '{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}' |
            grep --invert-match --extended-regexp ' (running healthy|exited +) 0$' || true)
        services=$(docker/compose.sh ps --all --quiet | wc -l)
        echo "first start $number: $services containers after $((SECONDS - start)) s${unhealthy:+, not healthy: $unhealthy}"
        [[ -z $unhealthy ]] || failed=1
    else
        echo "first start $number: failed after $((SECONDS - start)) s: $(tail -3 "$folder/make-stack.log")"
        failed=1
    fi
done
exit $failed
