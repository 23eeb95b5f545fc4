#!/usr/bin/env bash
# Compiles RocksDB once (about 11 minutes on 2 cores) and keeps the static library, so that every later build, profile and
# clone links it instead of compiling it again.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$root"

library="$(rocksdb_dir)/librocksdb.a"
if [ -f "$library" ]; then exit 0; fi
unset ROCKSDB_LIB_DIR ROCKSDB_STATIC
echo "Compiling RocksDB $(rocksdb_version) once into $(rocksdb_dir) (about 11 minutes on 2 cores)"
work="$SLUICE_CACHE/rocksdb-build"
cargo build --locked -p librocksdb-sys --target-dir "$work"
built=$(find "$work" -name librocksdb.a -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-)
[ -n "$built" ] || { echo "cargo built no librocksdb.a below $work: delete that folder and try again" >&2; exit 1; }
mkdir -p "$(rocksdb_dir)"
cp "$built" "$library.new" && mv "$library.new" "$library"   # a rename, so that a half copy is never found
rm -rf "$work"
