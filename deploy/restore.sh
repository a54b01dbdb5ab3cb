#!/bin/sh
# Makes a storage folder of what backup.sh has copied. The folder must be a new or an empty one, and the server must not run on it.
#   restore.sh BACKUP STORAGE
set -eu
umask 077
[ $# -eq 2 ] || { echo "usage: restore.sh BACKUP STORAGE" >&2; exit 2; }
backup=$1 storage=$2

mkdir -p "$storage"
[ -z "$(ls -A "$storage")" ] || { echo "$storage is not empty. Restore into another folder, and point Storage:Directory at it." >&2; exit 1; }
tar -C "$storage" -xpf "$backup/files.tar"
cp -p "$backup/databases/"* "$storage/"
echo "$storage"
