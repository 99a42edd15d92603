# What a person types: run, test, bench, install. Everything else is a step of those.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
# One scratch folder for every build, so that the big dependencies are compiled once per configuration.
SCRATCH ?= .build
SWIFT ?= swift
VENV := $(SCRATCH)/venv
PROGRAMS := cais-runtime cais-shim caisd cais

BUILD_PACKAGES := libseccomp-dev libarchive-dev libnftables-dev libsqlite3-dev pkg-config
RUN_PACKAGES := busybox-static curl ca-certificates iproute2 nftables procps
TEST_PACKAGES := $(RUN_PACKAGES) python3-venv util-linux mmdebstrap zstd xz-utils \
	crun runc podman conmon docker.io containerd buildah uidmap iptables criu zsh fish man-db groff
CGROUP2_PACKAGES := qemu-system-x86 kmod cpio busybox-static

# ---- help -----------------------------------------------------------------------------------
.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# ---- what a fresh machine lacks ---------------------------------------------------------------
# Only what is missing is installed, and no package may start its service meanwhile.
define install_missing
@missing=; for p in $(1); do dpkg-query -W -f='$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then echo "installing$$missing"; \
  [ "$$(id -u)" = 0 ] || { echo "make: these packages need root to install:$$missing" >&2; exit 1; }; \
  policy=; [ -e /usr/sbin/policy-rc.d ] || { policy=/usr/sbin/policy-rc.d; printf '#!/bin/sh\nexit 101\n' > $$policy; chmod +x $$policy; }; \
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing > /tmp/cais-apt.log 2>&1; code=$$?; \
  [ -z "$$policy" ] || rm -f $$policy; \
  [ $$code = 0 ] || { cat /tmp/cais-apt.log >&2; exit $$code; }; \
fi
endef

.PHONY: deps deps-build deps-run deps-test
deps: deps-build deps-test ## install all that building and testing need (apt, PyPI)
deps-build:
	$(call install_missing,$(BUILD_PACKAGES))
deps-run: deps-build
	$(call install_missing,$(RUN_PACKAGES))
deps-test: deps-build
	$(call install_missing,$(TEST_PACKAGES))
	@$(MAKE) --no-print-directory $(VENV)/ready
$(VENV)/ready: Tests/requirements.txt
	@mkdir -p $(SCRATCH)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r Tests/requirements.txt
	@touch $@

# ---- build ------------------------------------------------------------------------------------
.PHONY: build
build: deps-build ## the four release binaries in bin/
	@mkdir -p bin
	$(SWIFT) build --scratch-path $(SCRATCH) -c release --product caisd
	$(SWIFT) build --scratch-path $(SCRATCH) -c release --product cais-runtime
	$(SWIFT) build --scratch-path $(SCRATCH) -c release --product cais-shim
	$(SWIFT) build --scratch-path $(SCRATCH) -c release --product cais
	@for p in $(PROGRAMS); do install -m 0755 $(SCRATCH)/release/$$p bin/.$$p.new && mv -f bin/.$$p.new bin/$$p; done; ls -l bin

# ---- a first tour ------------------------------------------------------------------------------
.PHONY: run
run: deps-run build ## the engine on a private root: a tour with times, which leaves nothing behind
	@bash docs/tour.sh

# ---- tests -------------------------------------------------------------------------------------
# Integration tests run in mount and network namespaces of their own; only a cgroup named cais is theirs.
# One that fails is run once more and named as RERUN in the summary: such a test, or what it tests, is to be mended.
TEST_IMAGES := $(SCRATCH)/test-images
$(TEST_IMAGES)/nginx.tar: Tests/Support/images.py | deps-test
	CAIS_TEST_IMAGES=$(abspath $(TEST_IMAGES)) $(VENV)/bin/python Tests/Support/images.py
PYTEST = CAIS_TEST_IMAGES=$(abspath $(TEST_IMAGES)) CAIS_BIN=$(CURDIR)/bin PYTHONPATH=$(CURDIR)/Tests/Support \
	unshare --net --mount --propagation slave -- sh -c 'ip link set lo up && exec "$$@"' sh \
	$(abspath $(VENV))/bin/python -m pytest -q -rR --reruns 1 -p no:cacheprovider

.PHONY: test unit integration
test: deps unit integration ## every test: unit, and integration as root
unit: deps-build ## unit tests: no root, debug build
	$(SWIFT) test --scratch-path $(SCRATCH)
integration: deps build $(TEST_IMAGES)/nginx.tar ## integration tests as root; ONLY=Tests/Integration/engine for a part
	$(PYTEST) $(or $(ONLY),Tests/Integration) $(ARGS)

# How often, and the most seconds for one race; a run that was stopped goes on where it was.
RACES ?= 10000
RACES_SECONDS ?= 3600
.PHONY: races fuzz
races: deps build ## races against the runtime, RACES=10000 times each, bounded by RACES_SECONDS each; ONE=name for one
	CAIS_RACES=$(RACES) CAIS_RACES_SECONDS=$(RACES_SECONDS) CAIS_RACES_LEDGER=$(abspath $(SCRATCH))/races.json \
		$(PYTEST) -s --reruns 0 $(if $(ONE),-k $(ONE)) Tests/Integration/runtime/test_races.py

# Seconds for each target; TARGET=state for one of them; the same SEED tries the same inputs.
SECONDS_EACH = $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
fuzz: deps-build ## hostile bytes for the readers of config.json, state and process, SECONDS=60 each (TARGET=, SEED=)
	bash Tests/Fuzz/run.sh $(or $(TARGET),all) $(SECONDS_EACH) $(or $(SEED),1)

.PHONY: conformance test-cgroup1 test-cgroup2 bench
conformance: deps build ## the runtime's suite on cais-runtime, then on runc
	RUNTIME=$(CURDIR)/bin/cais-runtime $(PYTEST) Tests/Integration/runtime
	RUNTIME=$$(command -v runc) $(PYTEST) Tests/Integration/runtime
# What stands on cgroups; emulation takes ten times as long as here, so the rest is asked for by ONLY=.
CGROUP_SUITE := $(addprefix Tests/Integration/runtime/,test_cgroups.py test_update.py test_events.py test_exec_cgroup.py test_checkpoint.py test_lifecycle.py)
test-cgroup1: deps build ## what stands on cgroups, without v2 beside v1; ONLY=Tests/Integration/runtime for the whole suite
	CAIS_BIN=$(CURDIR)/bin PYTHONPATH=$(CURDIR)/Tests/Support unshare --net --mount --propagation private -- \
		sh -c 'ip link set lo up; while read -r _ point type _; do [ $$type != cgroup2 ] || umount $$point; done </proc/self/mounts; exec "$$@"' sh \
		$(abspath $(VENV))/bin/python -m pytest -q -p no:cacheprovider $(or $(ONLY),$(CGROUP_SUITE)) $(ARGS)
test-cgroup2: deps build ## the same in an emulated machine that has only cgroup v2; ONLY= for more
	$(call install_missing,$(CGROUP2_PACKAGES))
	nice bash Tests/Support/cgroup2-machine.sh -- env CAIS_TEST_PATIENCE=6 CAIS_BIN=$(CURDIR)/bin PYTHONPATH=$(CURDIR)/Tests/Support \
		$(abspath $(VENV))/bin/python -m pytest -q -p no:cacheprovider $(or $(ONLY),$(CGROUP_SUITE)) $(ARGS)
bench: deps build ## time, CPU and memory beside the peers found here, interleaved in one run
	CAIS_BIN=$(CURDIR)/bin PYTHONPATH=$(CURDIR)/Tests/Support $(VENV)/bin/python Tests/Bench/bench.py $(ARGS)

.PHONY: link-order
link-order: deps ## which functions of the runtime lie side by side, from a run of it: after changes to how containers start
	CAIS_SYMBOLS=1 $(SWIFT) build --scratch-path $(SCRATCH) -c release --product cais-runtime
	$(VENV)/bin/python Tests/Support/link_order.py $(SCRATCH)/release/cais-runtime Runtime/link-order.txt

# ---- style -------------------------------------------------------------------------------------
.PHONY: fmt lint docs
fmt: ## format the Swift sources in place
	$(SWIFT) format --in-place --recursive Package.swift Sources Runtime Shim Daemon CLI Tests/Unit
lint: ## style, and what review has banned
	$(SWIFT) format lint --recursive Package.swift Sources Runtime Shim Daemon CLI Tests/Unit
	@! grep -rnE '^ *(@preconcurrency )?import (Foundation|Dispatch)\b' Runtime Shim CLI Sources/{OCISpec,Linux,Flags,EngineAPI,ShimProtocol,Lifecycle,Cgroups,Seccomp} || { echo 'lint: no Foundation or Dispatch in programs that start for every container' >&2; false; }
docs: build ## man pages and completions into .build/docs
	@mkdir -p $(SCRATCH)/docs/man $(SCRATCH)/docs/completion
	@for p in $(PROGRAMS); do bin/$$p manual $(SCRATCH)/docs/man; \
	  for s in bash zsh fish; do bin/$$p completion $$s > $(SCRATCH)/docs/completion/$$p.$$s; done; done

# ---- install -----------------------------------------------------------------------------------
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
ETCDIR = $(DESTDIR)$(SYSCONFDIR)/cais

.PHONY: install uninstall
install: docs ## binaries, man pages, completions, configuration, systemd units (PREFIX, DESTDIR)
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man8 $(BASHDIR) $(ZSHDIR) $(FISHDIR) $(UNITDIR) $(ETCDIR)
	install -m 0755 $(addprefix bin/,$(PROGRAMS)) $(BINDIR)
	install -m 0644 $(SCRATCH)/docs/man/*.1 $(MANDIR)/man1
	install -m 0644 $(SCRATCH)/docs/man/*.8 $(MANDIR)/man8
	for p in $(PROGRAMS); do \
	  install -m 0644 $(SCRATCH)/docs/completion/$$p.bash $(BASHDIR)/$$p; \
	  install -m 0644 $(SCRATCH)/docs/completion/$$p.zsh $(ZSHDIR)/_$$p; \
	  install -m 0644 $(SCRATCH)/docs/completion/$$p.fish $(FISHDIR)/$$p.fish; done
	for u in cais.service; do \
	  [ -f Daemon/systemd/$$u ] || continue; \
	  sed 's|@BINDIR@|$(PREFIX)/bin|g' Daemon/systemd/$$u > $(UNITDIR)/$$u; chmod 0644 $(UNITDIR)/$$u; done
	[ -e $(ETCDIR)/daemon.json ] || install -m 0644 Daemon/daemon.json $(ETCDIR)/daemon.json
uninstall: ## what install put in place, but for a configuration that was changed
	for p in $(PROGRAMS); do rm -f $(BINDIR)/$$p $(BASHDIR)/$$p $(ZSHDIR)/_$$p $(FISHDIR)/$$p.fish $(MANDIR)/man?/$$p.? $(MANDIR)/man?/$$p-*.?; done
	rm -f $(UNITDIR)/cais.service
	cmp -s Daemon/daemon.json $(ETCDIR)/daemon.json && rm -f $(ETCDIR)/daemon.json || true
	rmdir $(ETCDIR) 2>/dev/null || true

.PHONY: clean
clean: ## what builds and tests made
	rm -rf $(SCRATCH) bin
