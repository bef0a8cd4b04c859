# The front door. What is behind it: meson.build (how things are built), tools/ (how they are checked).
BUILD  ?= build
PREFIX ?= /usr/local
# Debian's own python: one that stands in front of it in PATH lacks the packages.
PYTHON ?= /usr/bin/python3

.PHONY: all build setup check demo bench fuzz install clean help

all: build

help:
	@echo 'make demo      watch Homeostat tune a PostgreSQL of its own under load (DEMO_MINUTES=30)'
	@echo 'make check     build with both compilers and run every test'
	@echo 'make build     build/src/cli/homeostat and build/src/load/homeostat-load'
	@echo 'make bench     measure everything that has a bar, but what takes hours (bench/run NAME measures one)'
	@echo 'make fuzz      run the fuzzers, FUZZ_SECONDS=600 each'
	@echo 'make install   into PREFIX=/usr/local (DESTDIR= for packaging)'
	@echo 'make setup     install the Debian packages that are missing'
	@echo 'make clean     remove what was built'

setup:
	@tools/setup test

$(BUILD)/build.ninja:
	@tools/setup
	meson setup $(BUILD)

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

check:
	@tools/setup test
	@$(PYTHON) tools/check

demo: build
	@tools/setup
	@HOMEOSTAT_BUILD=$(abspath $(BUILD)) tools/demo

bench: build
	@tools/setup test
	@HOMEOSTAT_BUILD=$(abspath $(BUILD)) bench/run all

fuzz:
	@tools/setup test
	@tools/fuzz

install: $(BUILD)/build.ninja
	meson configure $(BUILD) --prefix=$(PREFIX)
	meson install -C $(BUILD)

clean:
	rm -rf build
