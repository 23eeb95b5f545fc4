#!/usr/bin/env bash
# Holds what lies in deploy/ against the tools that read it, and against the binary.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root"

bash -n deploy/kafka/kafka.sh
venv="$SLUICE_CACHE/venv-lint"
[ -f "$venv/done" ] || { python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'PyYAML==6.0.3' && touch "$venv/done"; }
# The binary that the tests use: by itself it would be compiled again, with other features.
cargo test --locked --quiet --workspace --test cluster --no-run
"$venv/bin/python" scripts/lint-deploy.py "$CARGO_TARGET_DIR/debug/sluice"

if command -v systemd-analyze >/dev/null; then
    units=$(mktemp -d)
    trap 'rm -rf "$units"' EXIT
    # It looks whether the program is there, which on this machine it need not be.
    for unit in deploy/systemd/*.service; do sed 's|/usr/bin/sluice|/bin/true|' "$unit" >"$units/$(basename "$unit")"; done
    systemd-analyze verify "$units"/*.service
else
    printf '\nSKIPPED: systemd units are not verified, for there is no systemd-analyze\n'
fi
