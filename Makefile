# The one door: `make` builds build/assay, `make demo` shows it, `make check` is everything that CI runs.
.PHONY: all setup demo test bench check format web clean
.DEFAULT_GOAL := all

all: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release

setup:
	@scripts/setup

demo: all
	@scripts/demo

test:
	@scripts/setup --tests
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev
	@ctest --preset dev

bench: all
	@scripts/setup --tests
	@build/python/bin/python bench/peers.py
	@build/assay bench build/models/tinyllama-1.1b.Q4_K_M.gguf
	@build/python/bin/python bench/quantize_peers.py

check:
	@scripts/check

format:
	@scripts/setup --tests
	@git ls-files '*.h' '*.cc' | xargs clang-format-14 -i

web:
	@scripts/setup --tests
	@cd web && npm run --silent check && npm run --silent build

clean:
	rm -rf build
