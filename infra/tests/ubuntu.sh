#!/usr/bin/env bash
# The image ubuntu:22.04 for test_machines.py, where it is not there: pulled, or made of Ubuntu's own packages.
set -euo pipefail
image=ubuntu:22.04
docker image inspect "$image" >/dev/null 2>&1 && exit 0
docker pull --quiet "$image" >/dev/null 2>&1 && exit 0

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
archive=http://archive.ubuntu.com/ubuntu
debootstrap --variant=minbase --include=ca-certificates jammy "$root" "$archive" >&2
for suite in jammy jammy-updates; do echo "deb $archive $suite main universe"; done >"$root/etc/apt/sources.list"
# Certificates that this machine trusts are trusted there too.
if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >&2
fi
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" --one-file-system -c . | docker import - "$image" >/dev/null
