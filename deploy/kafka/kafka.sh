#!/usr/bin/env bash
# Apache Kafka in KRaft mode on loopback, to try Sluice with and to test it: one broker, or three.
#
#   kafka.sh install              fetch it by Maven into the cache (SLUICE_CACHE), once
#   kafka.sh start DIR [BROKERS]  a fresh cluster in DIR on free ports, or the one that was made there; prints its address
#   kafka.sh stop DIR             all brokers, in order
#   kafka.sh kill DIR NODE        one broker, with SIGKILL; `start DIR` brings it back
#
# Needs a JDK 17 and Maven. Exit status 3: one of them is missing. DIR/broker-N/server.log is what a broker says.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache="${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}"
version=$(sed -n '/<artifactId>kafka_2.13</{n;s/.*<version>\(.*\)<.*/\1/p}' "$here/pom.xml")
libs="$cache/kafka-$version"

die() { echo "kafka.sh: $1" >&2; exit "${2:-1}"; }

tools() {
    command -v java >/dev/null || die "no java: install openjdk-17-jre-headless or later" 3
    local major
    major=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 17 ] || die "java is version ${major:-unknown}, the broker needs 17 or later" 3
}

install() {
    tools
    [ -f "$libs/done" ] && return
    command -v mvn >/dev/null || die "no mvn: install maven" 3
    # A folder of its own until it is whole, so that two who install at once do not meet, and a half one is never found.
    mkdir -p "$cache"
    local fresh
    fresh=$(mktemp -d "$cache/kafka-install.XXXXXX")
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fresh" >&2 ||
        { rm -rf "$fresh"; die "mvn could not fetch Kafka $version"; }
    touch "$fresh/done"
    if [ -f "$libs/done" ]; then rm -rf "$fresh"; return; fi
    rm -rf "$libs"
    mv -T "$fresh" "$libs" 2>/dev/null || { rm -rf "$fresh"; [ -f "$libs/done" ]; }
}

# LOG CLASS ARGUMENTS…: in place of the shell that calls it, so that $! is the JVM.
kafka() { exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dbroker.log=$1" "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$libs/*" "${@:2}"; }

# COUNT. Below the ephemeral ones: a broker that is down for a while must find its port free again.
free_ports() {
    python3 - "$1" <<'PY'
import random, socket, sys
ports = {}
while len(ports) < int(sys.argv[1]):
    candidate, port = socket.socket(), random.randrange(15000, 32000)
    try:
        candidate.bind(("127.0.0.1", port))
        ports[port] = candidate
    except OSError:
        candidate.close()
print(*ports)
PY
}

make() { # DIR BROKERS: configurations and formatted storage
    local dir=$1 brokers=$2 ports voters="" node id
    read -ra ports <<<"$(free_ports $((2 * brokers)))"
    for ((node = 1; node <= brokers; node++)); do voters+="${voters:+,}$node@127.0.0.1:${ports[2 * node - 1]}"; done
    id=$(kafka "$dir/format.log" kafka.tools.StorageTool random-uuid)
    for ((node = 1; node <= brokers; node++)); do
        local at="$dir/broker-$node" replicas=$brokers insync=$(((brokers + 1) / 2))
        mkdir -p "$at"
        {
            cat "$here/broker.properties"
            echo "node.id=$node"
            echo "controller.quorum.voters=$voters"
            echo "listeners=PLAINTEXT://127.0.0.1:${ports[2 * node - 2]},CONTROLLER://127.0.0.1:${ports[2 * node - 1]}"
            echo "advertised.listeners=PLAINTEXT://127.0.0.1:${ports[2 * node - 2]}"
            echo "log.dirs=$at/data"
            echo "default.replication.factor=$replicas"
            echo "min.insync.replicas=$insync"
            echo "offsets.topic.replication.factor=$replicas"
            echo "transaction.state.log.replication.factor=$replicas"
            echo "transaction.state.log.min.isr=$insync"
            echo "share.coordinator.state.topic.replication.factor=$replicas"
            echo "share.coordinator.state.topic.min.isr=$insync"
        } >"$at/server.properties"
        (kafka "$dir/format.log" kafka.tools.StorageTool format -t "$id" -c "$at/server.properties" >>"$dir/format.log" 2>&1) ||
            { tail -5 "$dir/format.log" >&2; die "cannot format $at/data"; }
    done
    touch "$dir/made"
}

runs() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    local dir=${1:?DIR} brokers=${2:-1} at addresses=""
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ -f "$dir/made" ] || make "$dir" "$brokers"
    for at in "$dir"/broker-*; do
        runs "$at" && continue
        : >"$at/server.log"
        kafka "$at/server.log" kafka.Kafka "$at/server.properties" </dev/null >"$at/out.log" 2>&1 &
        echo $! >"$at/pid"
        disown
    done
    for at in "$dir"/broker-*; do
        until grep -q 'Kafka Server started' "$at/server.log"; do
            runs "$at" || { cat "$at/out.log" "$at/server.log" | cut -c1-300 | grep -v ' INFO ' | tail -10 >&2; die "the broker in $at has ended"; }
            sleep 0.1
        done
        addresses+="${addresses:+,}$(sed -n 's|^advertised.listeners=PLAINTEXT://||p' "$at/server.properties")"
    done
    echo "$addresses"
}

end() { # SIGNAL BROKER-DIR
    runs "$2" || return 0
    local pid
    pid=$(cat "$2/pid")
    kill "-$1" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    rm -f "$2/pid"
}

case "${1:-}" in
install) install; echo "$libs" ;;
start) start "${@:2}" ;;
stop) for at in "${2:?DIR}"/broker-*; do end TERM "$at" & done; wait ;;
kill) end KILL "${2:?DIR}/broker-${3:?NODE}" ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2 ;;
esac
