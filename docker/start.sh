#!/usr/bin/env bash
# Starts the stack, or updates a running one: only containers whose image or settings have changed are recreated.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker/check.sh
docker/setup.sh
docker/build.sh
docker/compose.sh up --detach --wait

# These two read the files in their mounted folders once, when they start; Compose does not see a change of a file.
for service in $(docker/compose.sh config --services | grep --line-regexp --extended-regexp 'nginx|docker-proxy'); do
    container=$(docker/compose.sh ps --quiet "$service")
    start=$(docker inspect --format '{{.State.StartedAt}}' "$container")
    folders=$(docker inspect --format '{{range .Mounts}}{{println .Source}}{{end}}' "$container")
    while IFS= read -r folder; do
        if [[ -d $folder && -n $(find -L "$folder" -newerct "$start" -print -quit) ]]; then
            echo "start: recreates $service, because $folder has changed" >&2
            # Not with --no-deps: Compose 2.26 then records other settings, and the next start recreates the container.
            docker/compose.sh up --detach --wait --force-recreate "$service"
            break
        fi
    done <<<"$folders"
done
