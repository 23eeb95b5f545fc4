#!/usr/bin/env bash
# Starts a server on a fresh data directory, publishes this machine and a shop with a service going bad, shows what one asks at
# three in the morning, and leaves the server running until Ctrl-C.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root"

sluice="$CARGO_TARGET_DIR/debug/sluice"
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo.XXXXXX")
server="" agent=""
finish() {
    trap - EXIT INT TERM
    # The agent first: it hands over its last minute, for which the server must still be there.
    for pid in $agent $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    echo; echo "The demo has ended; its data directory is gone."
}
trap finish EXIT
trap 'exit 0' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ sluice %s\n' "$*"; "$sluice" "$@"; }

say "A server on a fresh data directory, $work/data"
# In sessions of their own, so that Ctrl-C reaches this script only and things end in order.
setsid "$sluice" serve --data "$work/data" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
    curl -fs http://127.0.0.1:4318/readyz >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
curl -fs http://127.0.0.1:4318/readyz >/dev/null || { echo "the server is not ready after 10 s:" >&2; cat "$work/server.log" >&2; exit 1; }

say "This machine publishes itself (sluice agent), and a shop its last fifteen minutes"
setsid "$sluice" agent --every 2s >"$work/agent.log" 2>&1 &
agent=$!
python3 scripts/shop.py | run publish --backfill --format table -

say "Waiting for the first whole minute of this machine to be sealed"
began=$(date +%s)
while :; do
    # The agent's first minute is a part of one; its heartbeat says that it is over.
    if [ "$("$sluice" top process.cpu_ms --by '' --last 3m --format json 2>/dev/null | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["rows"]))' 2>/dev/null || echo 0)" != 0 ]; then break; fi
    kill -0 "$agent" 2>/dev/null || { cat "$work/agent.log" >&2; exit 1; }
    passed=$(( $(date +%s) - began ))
    [ "$passed" -lt 180 ] || { echo "no minute was sealed within 3 minutes:" >&2; tail "$work/server.log" "$work/agent.log" >&2; exit 1; }
    printf '\r  %3d s; a minute ends in %2d s, and is sealed 5 s later ' "$passed" $(( 60 - 10#$(date +%S) ))
    sleep 1
done
printf '\r%70s\r' ''

say "Which processes use the most CPU, and how much memory have they?"
run top process.cpu_ms --by name --rank sum --n 10 --pivot process.memory_bytes:max --last 3m --format table
say "The shop: which services are slow, and how many users notice?"
run top shop.latency_ms --by Service,Region --rank p99 --n 5 --pivot shop.requests:sum --pivot shop.users:distinct --points --last 20m --format table
say "Hints: which regions does checkout run in?"
run hints shop.latency_ms --select Service=checkout --of Region --last 20m --format table
say "Health"
run health --format table
say "Open http://127.0.0.1:4318/ in a browser. Ctrl-C ends the demo."
wait "$server"
