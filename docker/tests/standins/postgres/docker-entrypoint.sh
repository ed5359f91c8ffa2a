#!/usr/bin/env bash
# As the official one: makes the cluster on first use, runs /docker-entrypoint-initdb.d, starts the server.
set -euo pipefail
if [[ $(id -u) == 0 ]]; then
    chown postgres:postgres "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    : "${POSTGRES_PASSWORD:?is not set}"
    user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
    initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    # In the meantime only the socket answers.
    pg_ctl --wait start -o "-c listen_addresses=''" >/dev/null
    [[ $database == postgres ]] || createdb --username="$user" "$database"
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [[ -e $file ]] && psql -v ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname="$database" --file="$file"
    done
    pg_ctl --wait stop >/dev/null
fi
exec "$@" -c listen_addresses='*'
