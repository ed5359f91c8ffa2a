#!/usr/bin/env bash
# Before Airflow starts, as root: whose the data dir is, and the password file of the workers. 50000 is Airflow's user.
set -euo pipefail

install --directory --owner=50000 --group=root --mode=0775 "$DATA_DIR" /opt/airflow/logs

# A worker gets the path of this file, not the password: nothing shows in its environment.
umask 077
password=${WAREHOUSE_PASSWORD//\\/\\\\}
password=${password//:/\\:}
printf '%s:%s:%s:%s:%s\n' "$PGHOST" "$PGPORT" "$PGDATABASE" "$PGUSER" "$password" >"$PGPASSFILE.new"
chown 50000:root "$PGPASSFILE.new"
mv "$PGPASSFILE.new" "$PGPASSFILE"

# With PGSSLMODE=verify-full: the authority that has signed the warehouse's certificate.
if [[ -f /certificates/warehouse-ca.crt ]]; then
    install --owner=50000 --group=root --mode=0444 /certificates/warehouse-ca.crt "$(dirname "$PGPASSFILE")"
fi
