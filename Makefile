# `make demo` shows Sluice at work; `make test` is everything that must hold. Both install what they need first.
SHELL := /bin/bash
.PHONY: help demo test test-cluster lint soak bench need build

help: ## these lines
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

need: ## check for what the build needs, and install what is missing
	@scripts/need.sh
	@scripts/rocksdb.sh

build: need ## the binary, into the cache's target directory
	@. scripts/env.sh && cargo build --locked -p sluice

demo: build ## a server on a fresh data directory, this machine's metrics, a shop with a service going bad; Ctrl-C ends it
	@scripts/demo.sh

test: need ## formatting, lints, docs, all tests
	@scripts/test.sh

test-cluster: need ## what needs real Apache Kafka brokers: a JDK 17 and Maven
	@scripts/test-cluster.sh

soak: build ## kill -9 under load, 1,000 times, and in compaction and deletion, move-out, backup and restore, 200 times each; a flipped bit in every 4 KiB
	@. scripts/env.sh && SLUICE_KILLS=1000 cargo test --locked -p sluice --test kill -- --nocapture
	@. scripts/env.sh && SLUICE_UPKEEP_KILLS=200 cargo test --locked -p sluice --test lifetimes -- --nocapture upkeep
	@. scripts/env.sh && SLUICE_BACKUP_KILLS=200 cargo test --locked -p sluice --test backup -- --nocapture killed
	@. scripts/env.sh && SLUICE_COLD_KILLS=200 cargo test --locked -p sluice --test cold -- --nocapture directory
	@. scripts/env.sh && SLUICE_FLIPS=all cargo test --locked -p sluice --test damage -- --nocapture

bench: need ## the figures of docs/benchmarks.md
	@bench/run.sh
