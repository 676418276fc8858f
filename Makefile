# `make` alone lists what there is. The same words run here, in CI and in a fresh clone.

.PHONY: help run test lint fmt pictures bench bench-peers faults clean

help: ## list these words
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1	/'

run: ## start the server on an embedded database
	cargo run

test: ## every test, on SQLite and on a PostgreSQL of its own
	@sh scripts/needs.sh postgresql chromium chromium-driver nodejs npm python3-venv
	@sh scripts/test.sh

lint: ## format, clippy, documentation, and cargo-deny where it is installed
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; \
	else echo "cargo-deny is not installed, so deny.toml was not checked (cargo install --locked cargo-deny)"; fi

fmt: ## format the sources
	cargo fmt

pictures: ## what every page and mail looks like, into target/pictures
	@sh scripts/needs.sh chromium chromium-driver
	@sh scripts/pictures.sh

bench: ## what a request costs beside a bare route, and what the server weighs
	@sh scripts/needs.sh postgresql
	cargo bench --locked --bench door

bench-peers: ## the same questions to Better Auth and Feathers, from their public packages, in one run
	@sh scripts/needs.sh postgresql nodejs npm
	cargo bench --locked --bench door -- peers

faults: ## everything that can break is broken under load, for an hour and more, and what was lost is counted
	@sh scripts/needs.sh postgresql faketime iproute2
	@sh scripts/test.sh --test all -- --ignored --nocapture --test-threads=1 faults:: telling::kills
	@sh scripts/test.sh --test all -- --nocapture --test-threads=1 cli::backup cli::damage cli::restore guard::wall

clean: ## delete what was built and the development database
	cargo clean
	rm -rf data
