#!/usr/bin/env bash
# As the official one: fills the environment into /etc/nginx/templates.
set -euo pipefail
defined=$(env | sed 's/=.*//; s/^/$/' | tr '\n' ' ')
# shellcheck disable=SC2094  # another folder
for template in /etc/nginx/templates/*.template; do
    envsubst "$defined" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec "$@"
