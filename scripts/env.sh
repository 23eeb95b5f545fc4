# Sourced by every script: where compiled dependencies and tools live, outside of the checkout, so that a second clone is fast.
# Override with SLUICE_CACHE (the folder) or CARGO_TARGET_DIR.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SLUICE_CACHE="${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$SLUICE_CACHE/target}"
export SLUICE_DATA="${SLUICE_DATA:-$root/../shared/data}"
export PATH="$HOME/.cargo/bin:$PATH"
# clang compiles RocksDB a third faster than gcc, and bindgen needs libclang anyway.
export CC="${CC:-clang}" CXX="${CXX:-clang++}"

rocksdb_version() {
    sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p}' "$root/Cargo.lock"
}

# The flags in .cargo/config.toml reach the C++ as well, so they are part of what a cached library is.
rocksdb_dir() {
    echo "$SLUICE_CACHE/rocksdb-$(rocksdb_version)-$(sed -n 's/.*target-cpu=\([a-z0-9-]*\).*/\1/p' "$root/.cargo/config.toml")"
}

if [ -f "$(rocksdb_dir)/librocksdb.a" ]; then
    ROCKSDB_LIB_DIR=$(rocksdb_dir)
    export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
fi
