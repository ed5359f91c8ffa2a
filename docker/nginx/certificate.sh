#!/usr/bin/env bash
# Makes a self-signed certificate for a laptop: certificate.sh FOLDER NAME...
set -euo pipefail
folder=$1
shift

mkdir -p "$folder"
umask 077
said=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 825 \
    -subj "/CN=$1" -addext "subjectAltName=$(printf 'DNS:%s,' "$@" | sed 's/,$//')" \
    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
    -keyout "$folder/server.key" -out "$folder/server.crt" 2>&1) || { echo "$said" >&2; exit 1; }
chmod 644 "$folder/server.crt"
