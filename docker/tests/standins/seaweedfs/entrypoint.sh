#!/usr/bin/env bash
set -euo pipefail
[[ ${1:-} == server && " $* " == *" -s3 "* ]] || { echo "the stand-in knows 'server -s3' only" >&2; exit 2; }
haproxy -f /etc/haproxy/haproxy.cfg &
exec s3s-fs --host 127.0.0.1 --port 8014 \
    --access-key "$AWS_ACCESS_KEY_ID" --secret-key "$AWS_SECRET_ACCESS_KEY" /data
