#!/usr/bin/env bash
# Fuzzes every decoder: scripts/fuzz.sh [SECONDS a target] [TARGET…]; 4 seconds and all targets without arguments. What it finds is
# kept as fuzz/artifacts/TARGET/…, and its corpus in the cache, so that the next run begins where this one ended. With
# SLUICE_FUZZ_SEED a run begins at the seeds and is the same each time, as far as it gets: what `make test` wants.
#
# Coverage comes from LLVM's own pass, which the pinned stable compiler has as well; no nightly and no cargo-fuzz are needed. The
# target folder is its own, for these flags differ. RocksDB is linked from the cache (scripts/rocksdb.sh), not compiled again.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root/fuzz"

seconds="${1:-4}"
targets=("${@:2}")
if [ ${#targets[@]} -eq 0 ]; then mapfile -t targets < <(sed -n '/^\[\[bin\]\]/{n;s/^name = "\(.*\)"$/\1/p}' Cargo.toml); fi

export CARGO_TARGET_DIR="$SLUICE_CACHE/target-fuzz"
export RUSTFLAGS="-Ctarget-cpu=haswell --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
# A target for the binaries, so that build scripts and macros are compiled without these flags.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --locked --quiet --release --target "$host" --bins

corpora="$SLUICE_CACHE/fuzz-corpus" runs=-1
if [ -n "${SLUICE_FUZZ_SEED:-}" ]; then
    corpora=$(mktemp -d) runs=10000 # so that a fast machine does not go further than a slow one
    trap 'rm -rf "$corpora"' EXIT
fi

for target in "${targets[@]}"; do
    corpus="$corpora/$target"
    mkdir -p "$corpus" "artifacts/$target"
    # 512 MiB of memory and 25 s for an input: what is bounded stays far below, also on a busy machine.
    if ! output=$("$CARGO_TARGET_DIR/$host/release/$target" -max_total_time="$seconds" -runs="$runs" -seed="${SLUICE_FUZZ_SEED:-0}" -rss_limit_mb=512 -timeout=25 -max_len=4096 \
        -artifact_prefix="artifacts/$target/" "$corpus" "seeds/$target" 2>&1); then
        printf '%s\n' "$output" | tail -40 >&2
        echo "the target $target failed; the input is in fuzz/artifacts/$target" >&2
        exit 1
    fi
    printf '%-12s %s\n' "$target" "$(printf '%s\n' "$output" | grep -oE '^Done .*|cov: [0-9]+' | tail -2 | tr '\n' ' ')"
done
