# What people type. Everything is also a plain swift or lacuna command; see README.md.
PREFIX ?= /usr/local
LACUNA := .build/release/lacuna
DEMO   := out/demo

.PHONY: all build demo test gates corpus install lint format bench bpf clean

all: build

build:
	@scripts/install-packages build
	swift build -c release --product lacuna

demo: build
	@mkdir -p $(DEMO)
	@printf '\n== What lacks WSL 1 for each workload of corpora/\n'
	$(LACUNA) score corpora --engine wsl1 --out $(DEMO)/report || test $$? -eq 1
	@printf '\n== Recording a program on this host\n'
	$(LACUNA) record -o $(DEMO)/bash.lacuna -- bash -c 'ls /proc/self/ns; unshare -Ur true'
	@printf '\n== What stops it on WSL 1\n'
	$(LACUNA) replay $(DEMO)/bash.lacuna --engine wsl1 || test $$? -eq 1
	@printf '\nThe report: file://%s/index.html\n' "$(abspath $(DEMO)/report)"

test:
	@scripts/install-packages build test
	@scripts/install-packages --optional engines
	swift build --build-tests
	scripts/run-tests

# Do programs notice that they are recorded inside, what does it cost, and do replays find what live engines really do?
# Short forms: see --help of each for the long.
gates: build
	@scripts/install-packages build test gates
	@scripts/install-packages --optional engines
	scripts/transparency --quick --tier fast --lacuna $(LACUNA)
	Benchmarks/recording --quick --lacuna $(LACUNA)
	scripts/probe-cells --quick --lacuna $(LACUNA)

# Records the workloads anew: installs what they need, overwrites corpora/*/trace.lacuna.
corpus: build
	$(LACUNA) corpus packages corpora | xargs scripts/install-packages
	$(LACUNA) corpus record corpora

install: build
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(LACUNA) $(dir $(LACUNA))lacuna-agent $(dir $(LACUNA))lacuna-agent-low \
		$(dir $(LACUNA))lacuna-init $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(LACUNA) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lacuna
	$(LACUNA) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_lacuna
	$(LACUNA) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/lacuna.fish

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

# Compiles the recorder's eBPF programs anew (they are committed as instructions).
bpf:
	scripts/build-bpf

clean:
	rm -rf .build out
