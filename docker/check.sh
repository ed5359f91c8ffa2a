#!/usr/bin/env bash
# Checks what the stack needs before anything is built: prints a line for each thing that is missing.
set -euo pipefail

# Bytes. A machine sold with 8 GB reports a little less. The first build takes about 13 GB of disk with images and layers.
memory_needed=7000000000
disk_needed=20000000000

status=0
missing() {
    echo "check: $*" >&2
    status=1
}
gigabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f GB", bytes / 1e9 }'; }

command -v openssl >/dev/null || missing "no openssl: sudo apt-get install openssl"
if ! command -v docker >/dev/null; then
    missing "no docker: sudo apt-get install docker.io docker-compose-v2 docker-buildx"
    exit $status
fi

compose=$(docker compose version --short 2>/dev/null || docker-compose version --short 2>/dev/null || true)
compose=${compose#v}
packages="docker-compose-v2 (Debian 13: docker-compose; Docker's own packages: docker-compose-plugin)"
if [[ -z $compose ]]; then
    missing "no docker compose: sudo apt-get install $packages"
elif [[ $(printf '%s\n' 2.20 "$compose" | sort --version-sort | head -1) != 2.20 ]]; then
    missing "docker compose is $compose, and 2.20 or newer is needed: sudo apt-get install $packages"
fi
docker buildx version >/dev/null 2>&1 ||
    missing "no docker buildx: sudo apt-get install docker-buildx (Docker's own packages: docker-buildx-plugin)"

if ! answer=$(docker version --format '{{.Server.Version}}' 2>&1); then
    case $answer in
        *"permission denied"*)
            missing "this user may not use the Docker engine:" \
                "sudo usermod --append --groups docker $(id -un) && newgrp docker" ;;
        *) missing "no Docker engine answers ($(tail -1 <<<"$answer")): sudo systemctl start docker" ;;
    esac
    exit $status
fi

memory=$(docker info --format '{{.MemTotal}}')
if ((memory < memory_needed)); then
    missing "the Docker engine has $(gigabytes "$memory") of memory, and the stack needs 8 GB"
fi

# An engine on another machine, or in a virtual machine, has its folder there.
folder=$(docker info --format '{{.DockerRootDir}}')
if [[ -d $folder ]] && ! docker image inspect "${COMPOSE_PROJECT_NAME:-flight-delays}/airflow" >/dev/null 2>&1; then
    disk=$(($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') * 1024))
    if ((disk < disk_needed)); then
        missing "$folder has $(gigabytes "$disk") of free disk, and the first build needs $(gigabytes "$disk_needed")"
    fi
fi
exit $status
