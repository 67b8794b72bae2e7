#!/usr/bin/env bash
# Makes a labelled backup of both stores, then brings the schema up to date. A backup that fails stops it before anything is changed.
#
#   scripts/backup-and-migrate.sh LABEL
#
# Takes REDIS_URL (with REDIS_PASSWORD, REDIS_TLS_ENABLED) and DATABASE_URL, as every `dual-write` command does, and
#   DUAL_WRITE          the command to run                                     default: dual-write
#   BACKUP_AFTER        a command that sends the backup elsewhere; $DUAL_WRITE_BACKUP is its folder. Its failure is a failure.
#                       Required where CI is set: a runner's disk is gone with the run.
set -euo pipefail

readonly label=${1:-}
if [ -z "$label" ]; then
  echo "usage: $0 LABEL" >&2
  exit 2
fi
if [ -n "${CI:-}" ] && [ -z "${BACKUP_AFTER:-}" ]; then
  echo "BACKUP_AFTER isn't set: a backup that stays on this machine is gone with the run." >&2
  exit 2
fi
read -ra dual_write <<<"${DUAL_WRITE:-dual-write}"

echo "Backup, labelled $label"
"${dual_write[@]}" backup --label "$label" ${BACKUP_AFTER:+--after "$BACKUP_AFTER"}

echo "Schema"
"${dual_write[@]}" migrate-schema
