#!/usr/bin/env bash
# Tests against real Apache Kafka brokers, which they start and end themselves. Where there is no JDK 17 or no Maven it says so,
# and is no failure.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root"

if deploy/kafka/kafka.sh install >/dev/null; then :; else
    status=$?
    [ "$status" -eq 3 ] || exit "$status"
    printf '\nSKIPPED: the tests on real Kafka brokers, for what they need is not here (see the line above)\n'
    exit 0
fi
export SLUICE_TEST_CLUSTER=1
# All of the workspace, so that nothing is compiled again with other features.
cargo test --locked --workspace --test kafka_broker --test kafka_cluster -- --test-threads 2
cargo test --locked --workspace --test cluster -- --test-threads 1
