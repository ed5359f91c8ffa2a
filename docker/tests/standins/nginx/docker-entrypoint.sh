#!/usr/bin/env bash
# As the official one: fills the environment into /etc/nginx/templates.
set -euo pipefail
defined=$(env | sed 's/=.*//; s/^/$/' | tr '\n' ' ')
for template in /etc/nginx/templates/*.template; do
    envsubst "$defined" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec "$@"
