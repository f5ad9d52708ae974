# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists what there is to do; V=1 shows the commands.

VERSION      := 0.1.0
O            ?= build
V            ?= 0
SAN          ?= 0
FOR          ?=
CC           := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG        ?= clang
BPFTOOL      ?= bpftool
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy
PYTHON       ?= python3
CFLAGS       ?= -O2 -g

# `bpf`, as the kernel's headers say it; only x86 is built for so far.
BPF_ARCH     := x86

export PHILOSCOPE_CACHE ?= /var/cache/philoscope
export HOME ?= /root
# What the test scripts look for.
export PHILOSCOPE ?= $(abspath $(O))/philoscope
export PHILOSCOPE_FIXTURES ?= $(abspath $(O))/fixtures
export PHILOSCOPE_TOOLS ?= $(abspath $(O))/tools
export PYTHONDONTWRITEBYTECODE := 1
# promtool is unpacked there when it isn't installed.
export PATH := $(PATH):$(PHILOSCOPE_CACHE)/tools

ifeq ($(V),1)
  Q :=
  say = @:
else
  Q := @
  say = @printf '  %-9s %s\n'
endif
ifneq ($(filter 1 true yes,$(SAN)),)
  KIND := san
  BINARY := $(O)/san/philoscope
else
  KIND := obj
  BINARY := $(O)/philoscope
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

##@ Building

.PHONY: all
all: $(BINARY) ## build/philoscope (SAN=1: build/san/philoscope, with ASan and UBSan; CC=clang; O=DIR)

# ---- flags -----------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 -Wundef
CSTD     := -std=gnu11 -D_GNU_SOURCE
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
INCLUDES := -Iinclude -Iuser -I$(O)/skel
LIBS     := -lbpf -lelf -lz -lmicrohttpd -lgnutls -lcrypt -lyaml -lisal -lseccomp -lZydis -lcjson -lm -lpthread

# What is built does not say in which folder: two clones give the same file.
NO_PATHS := -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(O)/=build/

obj_flags := $(CFLAGS) $(NO_PATHS)
san_flags := -O1 -g $(SANITIZE)
# For tests: can be killed between any two steps (user/util/fault.h).
flt_flags := $(CFLAGS) -DPHILOSCOPE_FAULTS

LIBBPF_CFLAGS := $(shell pkg-config --cflags libbpf 2>/dev/null)
BPF_FLAGS := -target bpf -O2 -g -mcpu=v2 -Wall -Werror -D__TARGET_ARCH_$(BPF_ARCH) -Iinclude -Ivmlinux -Ibpf $(NO_PATHS) \
	     $(LIBBPF_CFLAGS) -idirafter /usr/include/$(shell uname -m)-linux-gnu

REVISION := $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)
VERSIONED := -DPHILOSCOPE_VERSION='"$(VERSION)"' -DPHILOSCOPE_REVISION='"$(REVISION)"'

# ---- what there is: everything is found, nothing is listed ---------------------------------------------------------------

find = $(sort $(shell find $(1) -name $(2) -type f 2>/dev/null))

BPF_SOURCES  := $(call find,bpf,'*.bpf.c')
USER_SOURCES := $(call find,user,'*.c')
UNIT_SOURCES := $(call find,tests/unit,'*.c')
FUZZ_SOURCES := $(call find,tests/fuzz,'fuzz_*.c')
SKELETONS    := $(BPF_SOURCES:bpf/%.bpf.c=$(O)/skel/%.skel.h)
TESTS        := $(filter $(foreach s,$(UNIT_SOURCES),$(if $(filter test_%,$(notdir $(s))),$(s))),$(UNIT_SOURCES))
TEST_SUPPORT := $(filter-out $(TESTS),$(UNIT_SOURCES))
TEST_BINARIES := $(TESTS:tests/unit/%.c=$(O)/tests/%)
FUZZ_REPLAYS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(O)/fuzz/%)
LIB_SOURCES  := $(filter-out user/main.c,$(USER_SOURCES))
lib_objects  = $(LIB_SOURCES:%.c=$(O)/$(1)/%.o)
# Only these are compiled again when the revision changes.
NAMES_VERSION := $(if $(USER_SOURCES),$(shell grep -lE 'PHILOSCOPE_(VERSION|REVISION)|"version.h"' $(USER_SOURCES)))

# $(call stamp,name,text): a file that changes when the text does.
stamp = $(shell mkdir -p $(O); printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $(O)/.$(1) || \
	printf '%s\n' '$(subst ','\'',$(2))' >$(O)/.$(1))
$(call stamp,flags,$(CC) $(CSTD) $(WARNINGS) $(CFLAGS) $(NO_PATHS) $(LDFLAGS))
$(call stamp,bpf-flags,$(CLANG) $(BPF_FLAGS))
$(call stamp,version,$(VERSIONED))

# What is missing is said once, not by the first command that fails.
$(O)/.found: scripts/found $(O)/.flags $(O)/.bpf-flags
	$(Q)scripts/found '$(CC)' '$(CLANG)' '$(BPFTOOL)' >$@ || { cat $@ >&2; exit 1; }
	@cat $@

# ---- BPF -------------------------------------------------------------------------------------------------------------

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/.bpf-flags | $(O)/.found
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $(@:.bpf.o=.clang.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.bpf.o=.clang.o)

# Has programs with a compare-and-swap, which older kernels are not given.
$(O)/bpf/socket.bpf.o: BPF_FLAGS += -mcpu=v3

$(O)/skel/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf >$@

# ---- user space --------------------------------------------------------------------------------------------------------

# $(call user_rules,obj, san or flt)
define user_rules
$(O)/$(1)/user/%.o: user/%.c $(O)/.flags | $(O)/.found $(SKELETONS)
	@mkdir -p $$(@D)
	$$(say) 'CC $(1)' $$<
	$$(Q)$$(CC) $$(CSTD) $$(WARNINGS) $$($(1)_flags) $$(INCLUDES) $$(VERSION_DEFINES) -MMD -MP -c $$< -o $$@

$(NAMES_VERSION:%.c=$(O)/$(1)/%.o): VERSION_DEFINES := $$(VERSIONED)
$(NAMES_VERSION:%.c=$(O)/$(1)/%.o): $(O)/.version

# The page is in it as it is.
$(O)/$(1)/user/board/asset.o: $(wildcard user/board/page/*)

-include $(USER_SOURCES:%.c=$(O)/$(1)/%.d)
endef
$(eval $(call user_rules,obj))
$(eval $(call user_rules,san))
$(eval $(call user_rules,flt))

# Made anew each time: an archive keeps the members whose sources are gone.
archive = @rm -f $@; mkdir -p $(@D); ar rcs $@ $(filter %.o,$^)

# Names of members also change when a file is removed.
$(call stamp,members,$(LIB_SOURCES) + $(TEST_SUPPORT))

$(O)/libphiloscope.a: $(call lib_objects,obj) $(O)/.members
	$(say) AR $@
	$(archive)
$(O)/san/libphiloscope.a: $(call lib_objects,san) $(O)/.members
	$(say) AR $@
	$(archive)

$(O)/philoscope: $(O)/obj/user/main.o $(O)/libphiloscope.a
	$(say) LINK $@
	$(Q)$(CC) $(obj_flags) $(filter %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@
$(O)/san/philoscope: $(O)/san/user/main.o $(O)/san/libphiloscope.a
	$(say) LINK $@
	$(Q)$(CC) $(san_flags) $(filter %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@

$(O)/tools/philoscope_faults: $(USER_SOURCES:%.c=$(O)/flt/%.o)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(flt_flags) $(filter %.o,$^) $(LDFLAGS) $(LIBS) -o $@

-include $(BPF_SOURCES:bpf/%.bpf.c=$(O)/bpf/%.bpf.d)

# ---- unit tests and fuzzers: always sanitized ----------------------------------------------------------------------------

# Bodies of BPF programs are compiled for the host, against mocks: without the kernel's types.
# Their host.h goes before that of user/.
HOST_BPF := -DPS_HOST_TEST -Ibpf -Itests/unit/bpf
TEST_FLAGS = $(CSTD) $(WARNINGS) $(san_flags) $(if $(filter tests/unit/bpf/%,$<),$(HOST_BPF)) $(INCLUDES) -Itests/unit

$(O)/san/tests/%.o: tests/%.c $(O)/.flags | $(SKELETONS)
	@mkdir -p $(@D)
	$(say) 'CC test' $<
	$(Q)$(CC) $(TEST_FLAGS) -MMD -MP -c $< -o $@

# The mocks of the kernel's helpers have the names of libbpf's functions: they are for the tests of BPF bodies alone.
MOCKS := $(filter tests/unit/bpf/%,$(TEST_SUPPORT))
$(O)/san/libsupport.a: $(patsubst %.c,$(O)/san/%.o,$(filter-out $(MOCKS),$(TEST_SUPPORT))) $(O)/.members
	$(archive)
$(O)/san/libmocks.a: $(MOCKS:%.c=$(O)/san/%.o) $(O)/.members
	$(archive)
$(filter $(O)/tests/bpf/%,$(TEST_BINARIES)): $(O)/san/libmocks.a

$(TEST_BINARIES): $(O)/tests/%: $(O)/san/tests/unit/%.o $(O)/san/libsupport.a $(O)/san/libphiloscope.a
	@mkdir -p $(@D)
	$(say) 'LD test' $@
	$(Q)$(CC) $(san_flags) $(filter %.o %.a,$^) $(LDFLAGS) -lcmocka $(LIBS) -ldl -o $@

# A corpus is replayed by an ordinary program; tests/fuzz/replay.c is its main.
$(FUZZ_REPLAYS): $(O)/fuzz/%: $(O)/san/tests/fuzz/%.o $(O)/san/tests/fuzz/replay.o $(O)/san/libphiloscope.a
	@mkdir -p $(@D)
	$(say) 'LD fuzz' $@
	$(Q)$(CC) $(san_flags) $(filter %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@

-include $(UNIT_SOURCES:%.c=$(O)/san/%.d) $(FUZZ_SOURCES:%.c=$(O)/san/%.d)

.PHONY: tests-build fuzz-build
tests-build: $(TEST_BINARIES) ## the unit tests' programs (build/tests/…), with ASan and UBSan
fuzz-build: $(FUZZ_REPLAYS)

# ---- the benchmark's helpers: BPF programs beside the C programs that load them -----------------------------------------

BENCH_BPF      := $(call find,tests/bench,'*.bpf.c')
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(O)/bench/%,$(filter-out $(BENCH_BPF),$(call find,tests/bench,'*.c')))
BENCH_SKELETONS := $(BENCH_BPF:tests/bench/%.bpf.c=$(O)/bench/%.skel.h)

$(O)/bench/%.skel.h: tests/bench/%.bpf.c $(O)/.bpf-flags | $(O)/.found
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(O)/bench/$*.bpf.d -c $< -o $(O)/bench/$*.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $(O)/bench/$*.bpf.o name $*_bpf >$@

$(BENCH_PROGRAMS): $(O)/bench/%: tests/bench/%.c $(O)/libphiloscope.a $(BENCH_SKELETONS)
	$(say) 'CC bench' $@
	$(Q)$(CC) $(CSTD) $(WARNINGS) $(obj_flags) $(INCLUDES) -I$(O)/bench -MMD -MP $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS) -o $@

# philoscope on the same hooks of sockets, with programs that do nothing: its loader finds their skeleton before the real one.
$(O)/bench/socket.skel.h: BPF_FLAGS += -mcpu=v3
$(O)/bench/socket_empty.o: user/probe/socket.c $(O)/bench/socket.skel.h $(O)/.flags
	$(say) 'CC bench' $@
	$(Q)$(CC) $(CSTD) $(WARNINGS) $(obj_flags) -I$(O)/bench $(INCLUDES) -MMD -MP -c $< -o $@
$(O)/bench/philoscope_empty: $(O)/obj/user/main.o $(O)/bench/socket_empty.o $(O)/libphiloscope.a
	$(say) LINK $@
	$(Q)$(CC) $(obj_flags) $(filter %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@

-include $(BENCH_PROGRAMS:%=%.d) $(BENCH_BPF:tests/bench/%.c=$(O)/bench/%.d) $(O)/bench/socket_empty.d

# ---- programs that the tests beside the stand-in run -----------------------------------------------------------------------

PRELOADS := $(patsubst tests/e2e/standin/tools/preload/%.c,$(O)/tools/%.so,$(call find,tests/e2e/standin/tools/preload,'*.c'))
C_TOOLS := $(patsubst tests/e2e/standin/tools/%.c,$(O)/tools/%,\
	   $(filter-out tests/e2e/standin/tools/preload/%,$(call find,tests/e2e/standin/tools,'*.c')))
TOOLS := $(C_TOOLS) $(PRELOADS) $(O)/tools/philoscope_faults
$(PRELOADS): $(O)/tools/%.so: tests/e2e/standin/tools/preload/%.c
	@mkdir -p $(@D)
	$(say) 'CC tool' $@
	$(Q)$(CC) $(CSTD) $(WARNINGS) $(obj_flags) -fPIC -shared -MMD -MP $< $(LDFLAGS) -ldl -o $@
$(C_TOOLS): $(O)/tools/%: tests/e2e/standin/tools/%.c $(O)/libphiloscope.a
	@mkdir -p $(@D)
	$(say) 'CC tool' $@
	$(Q)$(CC) $(CSTD) $(WARNINGS) $(obj_flags) $(INCLUDES) -Itests/unit -MMD -MP $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS) -o $@
# With a reader that does what the file tells it to: shows what the confinement is good for.
$(O)/tools/hostile_observer: tests/unit/plan/hostile.c
-include $(C_TOOLS:%=%.d) $(PRELOADS:%.so=%.d)

# ---- programs that run in guests -------------------------------------------------------------------------------------------

VM_TOOLS := $(patsubst tests/vm/tools/%.c,$(O)/tools/%,$(call find,tests/vm/tools,'*.c'))
$(VM_TOOLS): $(O)/tools/%: tests/vm/tools/%.c $(O)/libphiloscope.a $(SKELETONS)
	@mkdir -p $(@D)
	$(say) 'CC tool' $@
	$(Q)$(CC) $(CSTD) $(WARNINGS) $(obj_flags) $(INCLUDES) -MMD -MP $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS) -o $@
-include $(VM_TOOLS:%=%.d)

# ---- fixtures, documents -------------------------------------------------------------------------------------------------

.PHONY: fixtures fixtures-demo fixtures-api docs
fixtures: ## the stand-in and the parser matrix, built with every Go version (build/fixtures/…)
	$(Q). scripts/go-env && $(PYTHON) scripts/fixtures.py --out $(O)/fixtures
fixtures-demo:
	$(Q). scripts/go-env && $(PYTHON) scripts/fixtures.py --out $(O)/fixtures --only worker-1.25
fixtures-api:
	$(Q). scripts/go-env && $(PYTHON) scripts/fixtures.py --out $(O)/fixtures --only api-1.25 --only load
docs: $(O)/philoscope ## write docs/METRICS.md and docs/STATE.md from the tables that they tell of
	@mkdir -p docs
	$(Q)$(O)/philoscope docs metrics >$(O)/METRICS.md
	$(Q)$(O)/philoscope docs state >$(O)/STATE.md
	$(Q)mv $(O)/METRICS.md $(O)/STATE.md docs/

.PHONY: image
image: ## the container image (build/image/philoscope.oci.tar), reproducible, with its SBOM
	$(Q)scripts/setup build image
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(PYTHON) scripts/image --binary $(O)/philoscope --out $(O)/image --version $(VERSION) --revision $(REVISION)

.PHONY: deploy-files
deploy-files: ## write dashboards, plain manifests and what else is made from the chart and the rules
	$(Q)scripts/setup build deploy
	$(Q)$(DEPLOY_PYTHON) scripts/deploy_files.py

.PHONY: format tidy clean found
found: $(O)/.found ## show what a build uses
	@cat $<
C_SOURCES := $(foreach d,bpf user include tests,$(call find,$(d),'*.[ch]'))
format: ## reformat the C sources with clang-format 14
	$(Q)$(CLANG_FORMAT) -i $(C_SOURCES)
tidy: $(SKELETONS) ## clang-tidy over user/ (not part of make check)
	$(Q)$(CLANG_TIDY) --quiet $(USER_SOURCES) -- $(CSTD) $(INCLUDES) $(VERSIONED)
clean: ## remove build/
	$(Q)rm -rf $(O)

##@ Installing and trying

.PHONY: setup demo
setup: ## install what is missing: Debian packages, a Go toolchain (root)
	$(Q)scripts/setup build check
demo: ## stand-in and philoscope side by side until Ctrl-C; FOR=20 ends after 20 seconds and compares
	$(Q)scripts/setup build
	$(Q)$(MAKE) --no-print-directory all fixtures-demo
	$(Q)exec scripts/demo --philoscope $(O)/philoscope --worker $(O)/fixtures/worker-1.25 \
		$(if $(FOR),--for $(FOR))

##@ Testing

CHECK_PARTS := build format layers lints padded gcc clang docs fixtures exposition unit fuzz standin
ALL_PARTS   := $(CHECK_PARTS) deploy vmtest

.PHONY: check check-all unit
check: ## everything that tests on this machine; ends in one line of totals
	$(Q)scripts/setup build check
	+$(Q)$(PYTHON) scripts/run_parts.py --out $(O) --make '$(MAKE)' $(CHECK_PARTS)
check-all: ## make check, make vmtest and whatever else CI runs
	$(Q)scripts/setup build check deploy vm
	+$(Q)$(PYTHON) scripts/run_parts.py --out $(O) --make '$(MAKE)' $(ALL_PARTS)
unit: part-unit ## the unit tests alone; T=binary/test_elf runs one of them

.PHONY: golden
golden: $(O)/tests/metric/test_golden ## write the pages that the exposition is compared with, then show what has changed
	$(Q)PHILOSCOPE_WRITE_GOLDEN=1 $< >/dev/null 2>&1; git --no-pager diff --stat -- tests/unit/metric/golden

# Debian's PyYAML is for Debian's Python.
DEPLOY_PYTHON := /usr/bin/python3
RUN_DEPLOY := . scripts/go-env && $(DEPLOY_PYTHON) tests/e2e/standin/run.py --cases tests/deploy

.PHONY: check-deploy check-cluster
check-deploy: all fixtures $(TOOLS) ## image, chart, manifests, dashboards, rules, units: all of it that can run here
	$(Q)scripts/setup build check deploy
	$(Q)$(RUN_DEPLOY) $(ARGS)
check-cluster: all ## a real kube-apiserver takes all manifests (slow when its tools are not built yet)
	$(Q)scripts/setup build cluster
	$(Q)$(RUN_DEPLOY) --soak --only cluster

.PHONY: scaling
scaling: all fixtures-demo ## measure what one node gives Prometheus to do; writes docs/scaling.md
	$(Q)$(DEPLOY_PYTHON) tests/deploy/measure_scaling.py

.PHONY: vmtest e2e soak bench bench-events bench-sockets bench-scrapes
vmtest: all fixtures-demo fixtures-api $(VM_TOOLS) $(O)/bench/philoscope_empty ## boot other kernels in QEMU, count there, and write down what they did
	$(Q)scripts/setup build vm
	$(Q). scripts/go-env && tests/vm/run --observer $(O)/philoscope --worker $(O)/fixtures/worker-1.25 \
		--api $(O)/fixtures/api-1.25 --verifier $(O)/tools/verifier_cost --empty $(O)/bench/philoscope_empty $(ARGS)
e2e: all ## real Philotes: PHILOTES_SRC=checkout PHILOTES_WORKER=binary and/or PHILOTES_API=binary
	$(Q)scripts/e2e '$(O)' '$(PHILOTES_SRC)' '$(PHILOTES_WORKER)' '$(PHILOTES_API)' $(ARGS)
soak: all fixtures $(TOOLS) ## what takes longer than a check may
	$(Q)scripts/setup build check soak
	$(Q). scripts/go-env && $(PYTHON) tests/e2e/standin/run.py --soak $(ARGS)
	$(Q)$(if $(ARGS),:,scripts/setup build deploy cluster && $(RUN_DEPLOY) --soak)
bench: bench-events bench-sockets bench-scrapes ## what an event, a request and a byte cost the target, and what a scrape costs
bench-events: all fixtures-demo fixtures-api $(BENCH_PROGRAMS)
	$(Q)tests/bench/run --philoscope $(O)/philoscope --fixtures $(O)/fixtures --helper $(O)/bench/attach_empty $(ARGS)
bench-sockets: all fixtures-demo $(O)/bench/philoscope_empty
	$(Q)tests/bench/sockets --empty $(O)/bench/philoscope_empty $(ARGS)
bench-scrapes: all fixtures-demo $(O)/bench/clientgolang
	$(Q)tests/bench/scrapes --client-golang $(O)/bench/clientgolang $(ARGS)
$(O)/bench/clientgolang: $(wildcard tests/bench/clientgolang/*)
	@mkdir -p $(@D)
	$(say) GO $@
	$(Q). scripts/go-env && "$$GO" build -C $(<D) -trimpath -o $(abspath $@) .

# ---- the parts of make check: each is a target of its own, `make part-unit` and so on ------------------------------------

PARTS := $(ALL_PARTS:%=part-%)
.PHONY: $(PARTS)

part-build: all tests-build fuzz-build $(BENCH_PROGRAMS) $(O)/bench/philoscope_empty $(TOOLS)
part-gcc part-clang: part-%:
	$(Q)$(MAKE) --no-print-directory all CC=$* O=$(if $(filter $*,$(CC)),$(O),$(O)/with-$*)
part-format:
	$(Q)scripts/check-format $(CLANG_FORMAT) $(C_SOURCES)
part-layers:
	$(Q)$(PYTHON) tests/lint/layers.py
part-lints:
	$(Q)$(PYTHON) tests/lint/selftest.py; status=$$?; $(PYTHON) tests/lint/rules.py && exit $$status
part-padded:
	$(Q)scripts/check-padding '$(CC)' '$(CLANG)' '$(BPF_FLAGS)'
part-docs: all
	$(Q)scripts/check-docs $(O)/philoscope
part-fixtures:
	$(Q). scripts/go-env && $(PYTHON) scripts/fixtures.py --out $(O)/fixtures --test --count
part-exposition: all fixtures-demo
	$(Q)$(PYTHON) scripts/check_exposition.py --philoscope $(O)/philoscope --worker $(O)/fixtures/worker-1.25
part-unit: $(if $(T),$(T:%=$(O)/tests/%),tests-build) fixtures
	$(Q)$(PYTHON) scripts/run_unit.py --out $(O) $(if $(T),$(T:%=$(O)/tests/%),$(TEST_BINARIES))
part-fuzz: fuzz-build fixtures
	$(Q)$(PYTHON) scripts/run_fuzz.py $(FUZZ_REPLAYS)
part-standin: all fixtures $(TOOLS)
	$(Q). scripts/go-env && $(PYTHON) tests/e2e/standin/run.py $(ARGS)
part-deploy: check-deploy
part-vmtest: vmtest

##@ Other

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables\n  V=1  O=DIR  SAN=1  CC=clang  CFLAGS=  FOR=SECONDS  ARGS=  PHILOSCOPE_CACHE=DIR (%s)\n' \
	  '$(PHILOSCOPE_CACHE)'
