# `make` alone lists the targets. Every target installs what it needs first (see .ci/setup); SKIP_SETUP=1 does not.

# Rust's usual place, for a shell that has not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin
export PATH := $(CURDIR)/.cache/tools/bin:$(PATH)

CARGO ?= cargo
# Arguments for `serve`, as in `make run ARGS='--listen 127.0.0.1:9000'`.
ARGS ?=
# Seconds that `make fuzz` gives each target.
FUZZ_SECONDS ?= 60
# The name of the image that `make image` builds.
IMAGE ?= pureboot-storage:latest

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: setup-run ## Builds the release binary and serves on http://127.0.0.1:8080 (ARGS='…' for more)
	$(CARGO) run --release --locked --package pureboot-storage -- serve $(ARGS)

.PHONY: test
test: ## Runs every check and every test, and prints a table of its parts
	.ci/test setup lint build unit api vm

.PHONY: test-unit
test-unit: ## Runs the unit and integration tests
	.ci/test setup build unit

.PHONY: test-api
test-api: ## Compares the service's answers with its OpenAPI document (SCHEMATHESIS_SECONDS=40 SCHEMATHESIS_SEED=…|random)
	.ci/test setup build api

.PHONY: test-vm
test-vm: ## Runs the tests that need a kernel of their own, in a virtual machine
	.ci/test setup build vm

.PHONY: test-boot
test-boot: ## Boots virtual machines by iPXE, GRUB and UEFI firmware from the boot listener
	.ci/test setup-boot build boot

.PHONY: soak
soak: ## Runs the tests that take long (SOAK_KILLS=200); docs/reliability.md lists them
	.ci/test setup build soak-kills soak-api soak-vm

.PHONY: test-garage
test-garage: setup-garage ## Runs the tests against Garage, an S3 server that takes minutes to build
	GARAGE_BIN=$${GARAGE_BIN:-$(CURDIR)/.cache/tools/bin/garage} \
	$(CARGO) test --package storage-backends --locked --test backends -- --ignored s3::garage::

.PHONY: lint
lint: ## Checks format, spelling, dependencies and clippy's findings
	.ci/test setup lint

.PHONY: advisories
advisories: setup-test ## Checks dependencies against the RustSec database (fetches it: needs the network)
	cargo-deny --workspace --locked check advisories

.PHONY: fmt
fmt: ## Formats the code
	$(CARGO) fmt --all

.PHONY: bench
bench: setup-bench ## Runs the benchmarks
	$(CARGO) bench --workspace --locked --no-fail-fast --bench '*'

.PHONY: bench-vm
bench-vm: setup-test ## Measures uploads, downloads and boot files of NFS through the service, in a virtual machine
	$(CARGO) build --workspace --release --locked --bin pureboot-storage --example conformance
	PUREBOOT_STORAGE_BIN=$(CURDIR)/target/release/pureboot-storage \
	PUREBOOT_CONFORMANCE_BIN=$(CURDIR)/target/release/examples/conformance crates/server/tests/vm/run.sh bench

.PHONY: fuzz
fuzz: setup-fuzz ## Runs every fuzz target for FUZZ_SECONDS each
	.ci/fuzz $(FUZZ_SECONDS)

.PHONY: image
image: setup-image ## Builds the container image IMAGE
	docker/build $(IMAGE)

.PHONY: clean
clean: ## Deletes what was built, and the tools that were installed for it
	$(CARGO) clean
	rm -rf .cache

.PHONY: setup-run setup-test setup-garage setup-bench setup-fuzz setup-image
setup-run: ## Installs what `make run` needs
setup-test: ## Installs what `make test` needs
setup-garage: ## Installs what `make test-garage` needs
setup-bench: ## Installs what `make bench` needs
setup-run setup-test setup-garage setup-bench setup-fuzz setup-image: setup-%:
	@.ci/setup $*
