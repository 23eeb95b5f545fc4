#!/usr/bin/env bash
# Checks for what the build and the tests need on Debian and installs what is missing: says what and why first, and asks
# before it uses root when it runs on a terminal.
set -euo pipefail
source "$(dirname "$0")/env.sh"

missing=() reasons=()
need() { # need PACKAGE 'CHECK' 'WHY'
    if ! bash -c "$2" >/dev/null 2>&1; then
        missing+=("$1")
        reasons+=("  $1: $3")
    fi
}

need clang           'command -v clang++'                                  'compiles RocksDB (C++)'
need libclang-dev    'ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so*  | grep -q .' 'bindgen reads RocksDB'\''s header with it'
need cmake           'command -v cmake'                                    'configures librdkafka (C)'
need libcurl4-openssl-dev 'ls /usr/include/*/curl/curl.h /usr/include/curl/curl.h | grep -q .' 'a header that librdkafka asks for'
need make            'command -v make'                                     'runs the targets of the Makefile'
need curl            'command -v curl'                                     'the demo asks the HTTP API with it'
need strace          'command -v strace'                                   'tests fail the disk under the server with it'
need python3-venv    'python3 -c "import venv, ensurepip"'                 'tests drive the OpenTelemetry Python SDK in a virtual environment'

command -v cargo >/dev/null || { echo "cargo is missing: install Rust with rustup (https://rustup.rs), then run this again" >&2; exit 1; }
command -v python3 >/dev/null || { missing+=(python3); reasons+=("  python3: tests and the demo's scenario"); }

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
echo "Sluice needs these Debian packages, which are not here yet:"
printf '%s\n' "${reasons[@]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi
if [ -t 0 ] && [ -t 1 ]; then
    read -r -p "Install them with apt-get as root? [Y/n] " answer
    case "$answer" in [nN]*) echo "then install them yourself: apt-get install ${missing[*]}" >&2; exit 1 ;; esac
fi
"${sudo[@]}" apt-get update -q
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
