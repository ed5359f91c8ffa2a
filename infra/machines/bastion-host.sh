#!/usr/bin/env bash
# Bare Ubuntu 22.04 to `bastion-host`: the way in by ssh, and psql for the warehouse.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends postgresql-client unattended-upgrades
