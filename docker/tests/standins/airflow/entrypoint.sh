#!/usr/bin/env bash
# As the official one, for what the stack asks of it.
set -euo pipefail
umask 0002
unset PIP_USER
for _ in {1..20}; do airflow db check >/tmp/db-check 2>&1 && break; sleep 3; done
if [[ -n ${_AIRFLOW_DB_UPGRADE:-} ]]; then airflow db upgrade; fi
if [[ -n ${_AIRFLOW_WWW_USER_CREATE:-} ]]; then
    airflow users create --username "$_AIRFLOW_WWW_USER_USERNAME" --firstname Airflow --lastname Admin \
        --email "$_AIRFLOW_WWW_USER_EMAIL" --role Admin --password "$_AIRFLOW_WWW_USER_PASSWORD" || true
fi
case ${1:-} in
    bash) exec /bin/bash "${@:2}" ;;
    python) exec "$@" ;;
    airflow) exec "$@" ;;
    *) exec airflow "$@" ;;
esac
