#!/bin/sh
# Runs the tests, shows their output as it comes, and says at the end how many ran on each database.
set -eu

kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

# A pipe would answer with the status of its last part.
{ cargo test --locked "$@" 2>&1 || echo $? >"$kept/status"; } | tee "$kept/log"

ran() { grep -cE "^test .*::$1 \.\.\. (ok|FAILED)$" "$kept/log" || true; }
echo "ran on SQLite: $(ran sqlite), on PostgreSQL: $(ran postgres)"
[ ! -e "$kept/status" ] || exit "$(cat "$kept/status")"
