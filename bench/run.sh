#!/usr/bin/env bash
# The figures of docs/benchmarks.md: bench/run.sh [ROW…], rows as in the table there; all without arguments.
# Each prints JSON lines, the first of them about the machine. Run it on a quiet machine: it says how busy it was.
set -euo pipefail
source "$(dirname "$0")/../scripts/env.sh"
cd "$root"

machine() {
    python3 - <<'PY'
import json, os, platform
cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
print(json.dumps({"machine": cpu, "cores": os.cpu_count(), "kernel": platform.release(), "load_before": os.getloadavg()[0]}))
PY
}

of() { cargo bench --locked --quiet -p "$@"; }

end_to_end() { # a server and the generator on the same cores; the rate is what the row asks for
    sluice_binary
    local sluice="$CARGO_TARGET_DIR/release/sluice" work server
    work=$(mktemp -d)
    "$sluice" serve --data "$work/data" --grpc 127.0.0.1:24317 --http 127.0.0.1:24318 2>"$work/log" &
    server=$!
    trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' RETURN
    until curl -fs http://127.0.0.1:24318/readyz >/dev/null; do kill -0 $server; sleep 0.1; done
    "$sluice" loadgen --endpoint http://127.0.0.1:24317 --server http://127.0.0.1:24318 --verify --format json \
        --rate "${SLUICE_BENCH_RATE:-500000}" --series "${SLUICE_BENCH_SERIES:-100000}" --batch 5000 --in-flight 256 --duration "${SLUICE_BENCH_DURATION:-60s}"
    # The server's own CPU seconds, from the operating system.
    awk -v hz="$(getconf CLK_TCK)" '{print "{\"row\":16,\"server_cpu_seconds\":" ($14+$15)/hz "}"}' "/proc/$server/stat"
}

# PyPI's peers, in the cache's virtual environment; Debian's say themselves what to install where they are absent.
peers_python() {
    local venv="$SLUICE_CACHE/venv-peers" packages="duckdb chdb"
    if [ "$(cat "$venv/done" 2>/dev/null)" != "$packages" ]; then
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check $packages
        echo "$packages" >"$venv/done"
    fi
    echo "$venv/bin/python"
}

beside() { # ours and its peers in one run, our lines first
    local python
    python=$(peers_python)
    "$python" "bench/peers/$1.py" "${@:2}"
}

sluice_binary() { cargo build --locked --quiet --release -p sluice; }

# A workspace of its own: one of its peers is GPL and no part of the product's build.
codec_bench() {
    cargo run --locked --quiet --release --manifest-path bench/codec/Cargo.toml --target-dir "$SLUICE_CACHE/target-bench-codec" -- "$1"
}

# The same rows into both, one after the other, three times: a quarter of an hour.
beside_victoria_metrics() {
    sluice_binary
    python3 bench/peers/compare.py ingest
    python3 bench/peers/compare.py series
}

row() {
    case "$1" in
        1|2) of client ;;
        3)   of frontend ;;
        4)   of partition-log ;;
        5|6) of aggregator --bench island ;;
        8)   codec_bench 8 ;;
        9)   codec_bench 9; sluice_binary; beside size "${SLUICE_BENCH_STEADY_SERIES:-2000}" "${SLUICE_BENCH_STEADY_HOURS:-24}" ;;
        10)  sluice_binary; beside memory "${SLUICE_BENCH_MEMORY_SERIES:-200000}" ;;
        11)  of model --bench sketches ;;
        12)  beside top "${SLUICE_BENCH_TOP_SERIES:-1000000}" ;;
        13)  beside hints "${SLUICE_BENCH_COMBINATIONS:-30000000}" ;;
        15)  of alerts ;;
        16)  end_to_end ;;
        peers) beside_victoria_metrics ;;
        *)   echo "no such row: $1 (1 2 3 4 5 6 8 9 10 11 12 13 15 16 peers)" >&2; exit 2 ;;
    esac
}

machine
for one in "${@:-}"; do
    if [ -n "$one" ]; then row "$one"; else for each in 1 3 4 5 8 9 10 11 12 13 15 16 peers; do row "$each"; done; fi
done
