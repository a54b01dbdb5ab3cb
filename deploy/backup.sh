#!/bin/sh
# Copies everything that a running server keeps in its storage folder into a new folder, for restore.sh. docs/operating.md says what the copy is worth.
#   backup.sh STORAGE TARGET COMMAND…     such as: backup.sh /var/lib/mcp-files-server /backup/monday dotnet /opt/mcp-files-server/McpFilesServer.dll
set -eu
umask 077
[ $# -ge 3 ] || { echo "usage: backup.sh STORAGE TARGET COMMAND…" >&2; exit 2; }
storage=$1 target=$2
shift 2

mkdir "$target"
# The databases first: files that are newer than their rows do no harm, rows whose files are missing would.
Storage__Directory=$storage "$@" backup "$target/databases" > /dev/null
# Status 1 of tar: a file was changed or taken away while it was read. It is in the project's trash then, or there in its newer version.
tar --format=posix -C "$storage" -cf "$target/files.tar" keys projects || [ $? -eq 1 ]
echo "$target"
