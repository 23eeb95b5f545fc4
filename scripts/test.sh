#!/usr/bin/env bash
# Everything that must hold, cheapest first.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root"

step() { printf '\n== %s\n' "$*"; }

step "formatting"
cargo fmt --all --check
step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
if [ ! -d "$SLUICE_DATA" ]; then
    printf '\nSKIPPED: the tests on real data, for there is no folder %s (set SLUICE_DATA)\n' "$SLUICE_DATA"
fi
step "tests (the server is killed ${SLUICE_KILLS:=50} times among them)"
export SLUICE_KILLS
cargo test --locked --workspace --no-fail-fast # a run of minutes should say all that is wrong
step "what lies in deploy/"
scripts/lint-deploy.sh
step "the log and the roles on real Kafka brokers"
scripts/test-cluster.sh
step "planted bugs, which the simulator must find"
cargo test --locked -p sim --features planted-bugs
step "decoders fuzzed, a few seconds each"
SLUICE_FUZZ_SEED=1 scripts/fuzz.sh 2
