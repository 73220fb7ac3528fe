# Needs Go, make and git. Everything else (linters, generators, a Kubernetes control plane with kro) is built from pinned Go
# modules into .cache on first use. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Two of anything here share caches and processors; the go command is parallel by itself.
.NOTPARALLEL:

# Versions of tools. They are installed into folders that carry the version, so that a change here takes effect at once.
CONTROLLER_GEN_VERSION := v0.23.0
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
AXE_VERSION := 4.10.3

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE ?= kroguard:$(VERSION)
# How long each fuzz target runs.
FUZZTIME ?= 5s
# The race detector needs a C compiler. RACE= switches it off and saves a second build of all dependencies.
RACE ?= $(if $(shell command -v $(shell go env CC)),-race)
# Tests on the control plane depend on more than the go command knows of: programs, and variables that are read before the first test.
FRESH := -count=1
# What `go test` is told on the control plane: ARGS='-run TestName -v'.
ARGS ?=

TOOLS := $(CURDIR)/.cache/tools
CONTROLLER_GEN := $(TOOLS)/controller-gen-$(CONTROLLER_GEN_VERSION)/controller-gen
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
SUMMARY := $(TOOLS)/summary

# Makes a progress report of `go build -v`, which names each package as it is compiled, and passes errors on.
COMPILED := awk '/^\#|[: ]/ {print; next} ++n % 100 == 0 {print "  " n " packages compiled ..."; fflush()}'

RESULTS := $(CURDIR)/.cache/results
TEST := $(SUMMARY) test -results $(RESULTS) -name
STEP := $(SUMMARY) step -results $(RESULTS) -name

# The product and the modules that build its image and test it. The latter are their own, so that registries and a control plane
# stay out of the product's go.mod.
MODULES := $(patsubst %/,%,$(dir $(wildcard go.mod cmd/*/go.mod test/*/go.mod)))
# The programs that the chart is tested with, built on first use.
TOOL = $$(go -C test/controlplane run ./cmd/controlplane tool $(1))
KUSTOMIZATIONS := $(sort $(patsubst %/,%,$(dir $(wildcard config/*/kustomization.yaml config/*/*/kustomization.yaml))))
# What `make generate` writes and git must have.
GENERATED := config/crd/bases config/rbac/role.yaml charts/kroguard docs/metrics.md ':(glob)**/zz_generated.*'

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*##/ {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/kroguard.
	go build -ldflags "-X main.version=$(VERSION)" -o bin/kroguard ./cmd/kroguard

.PHONY: demo
demo: controlplane ## Show kroguard at work on a real control plane; KEEP=1 leaves it running.
	@echo "building kroguard and the demo (minutes the first time) ..."
	@go build -v -o bin/kroguard ./cmd/kroguard 2>&1 | $(COMPILED)
	@go -C test/e2e build -v -o $(CURDIR)/bin/demo ./cmd/demo 2>&1 | $(COMPILED)
	@bin/demo $(if $(KEEP),-keep)

# What git knows of a release. The date is that of the commit, so that building it again gives the same.
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)
DATE = $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
# The image to build on, as gcr.io/distroless/static:nonroot@sha256:...; none is needed.
BASE ?=
PLATFORMS ?= linux/amd64,linux/arm64

.PHONY: image
image: ## Build the container image, without a container engine; PUSH=1 pushes it to the registry that IMAGE names.
	@go -C cmd/image build -o $(TOOLS)/image .
	@$(TOOLS)/image -version "$(VERSION)" -commit "$(COMMIT)" $(if $(DATE),-date $(DATE)) -platforms $(PLATFORMS) -base "$(BASE)" \
		-tag "$(IMAGE)" -layout bin/image -archive bin/image.tar $(if $(PUSH),-push)

SBOM ?= bin/kroguard.cdx.json

.PHONY: sbom
sbom: ## Write the software bill of materials (CycloneDX) of the program that the image has.
	@mkdir -p $(dir $(SBOM))
	@NO_COLOR=1 GOFLAGS= GOOS=linux CGO_ENABLED=0 go -C cmd/image tool cyclonedx-gomod app -json -licenses -std -noserial -notimestamp \
		-main cmd/kroguard -output $(abspath $(SBOM)) $(CURDIR)
	@echo "software bill of materials: $(SBOM)"

.PHONY: clean
clean: ## Delete what was built, but for the tools and control planes in .cache.
	rm -rf bin $(RESULTS)

##@ Development

# controller-gen reads RBAC markers of a package and silently ignores those in the comment of a type.
.PHONY: verify-markers
verify-markers:
	@find internal webhook -name '*.go' -print0 | sort -z | xargs -0 awk ' \
		/^\/\/ \+kubebuilder:rbac/ {marker = FILENAME ":" FNR; next} \
		/^\/\// {next} \
		/^type / && marker {print marker ": an RBAC marker needs an empty line after it, or the type swallows it"; bad = 1} \
		{marker = ""} \
		END {exit bad}'

.PHONY: generate
generate: verify-markers $(CONTROLLER_GEN) ## Regenerate deep copies, CRDs, RBAC, the table of metrics, and the chart's part of them.
	$(CONTROLLER_GEN) object paths=./policies/v1alpha1
	$(CONTROLLER_GEN) crd paths=./policies/v1alpha1 output:crd:dir=config/crd/bases
	go run ./internal/telemetry/metricspage docs/metrics.md
	$(CONTROLLER_GEN) rbac:roleName=kroguard $(foreach dir,$(wildcard internal webhook),paths=./$(dir)/...) output:rbac:dir=config/rbac
	go run ./charts/generate

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format Go code and sort its imports.
	$(GOLANGCI_LINT) fmt $(MODULES)

##@ Tests

.PHONY: test
test: reset test-parts report ## Run all tests, those on a real control plane included.

.PHONY: test-parts
test-parts: $(SUMMARY)
	@$(STEP) "build the control plane" -- $(MAKE) controlplane || true
	@$(MAKE) test-unit || true
	@$(MAKE) test-bench || true
	@$(MAKE) test-metrics || true
	@$(MAKE) test-image || true
	@$(MAKE) test-controlplane || true
	@$(MAKE) chart-suites || true
	@$(MAKE) test-e2e || true
	@$(MAKE) test-versions || true

.PHONY: test-unit
test-unit: $(SUMMARY) ## Run the tests that need no control plane.
	@$(TEST) "unit tests" -- go test -json $(RACE) ./...

# Part of `make test`, since a comparison of engines that disagree compares nothing. It takes seconds; what takes minutes is
# compiling Gatekeeper, and `make verify` has to do that anyway.
.PHONY: test-bench
test-bench: $(SUMMARY)
	@$(STEP) "adapt Gatekeeper for the comparison" -- $(MAKE) bench-source
	@$(TEST) "engines agree" -- go -C test/bench test -json $(BENCH_FLAGS) ./...

.PHONY: test-metrics
test-metrics: $(SUMMARY)
	@$(TEST) "dashboard and alerts" -- go -C test/metrics test -json ./...

.PHONY: test-image
test-image: $(SUMMARY)
	@$(TEST) "image" -- go -C cmd/image test -json ./...

.PHONY: test-controlplane
test-controlplane: $(SUMMARY)
	@$(TEST) "control plane" -real -- go -C test/controlplane test -json $(FRESH) -timeout 20m $(ARGS) ./...

.PHONY: test-e2e
test-e2e: $(SUMMARY) ## Run the tests on a real kube-apiserver, etcd and kro; ARGS='-run TestName' narrows them.
	@.ci/browser $(AXE_VERSION) || true
	@$(TEST) "end to end" -real -- go -C test/e2e test -json $(FRESH) -timeout 30m $(ARGS) ./...

# The other versions of Kubernetes and kro that are supported: the default ones have all tests. The README's table says the same.
OTHER_VERSIONS := KROGUARD_KUBERNETES=1.37 KROGUARD_KRO=0.9.3

.PHONY: test-versions
test-versions: $(SUMMARY) ## Run the tests of admission and availability with the other versions that are supported.
	@$(STEP) "build the other control plane" -- $(MAKE) controlplane-versions || true
	@$(OTHER_VERSIONS) $(TEST) "end to end, other versions" -real -- \
		go -C test/e2e test -json $(FRESH) -timeout 30m $(ARGS) ./admission ./availability

.PHONY: controlplane-versions
controlplane-versions:
	@$(OTHER_VERSIONS) go -C test/controlplane run ./cmd/controlplane build

# The chart's Go tests are among those of test-e2e, which is why `make test` has the suites only.
.PHONY: chart-test
chart-test: reset chart-test-parts report ## Test the chart: lint, suites, schemas, agreement with config/, life on a real control plane.

.PHONY: chart-test-parts
chart-test-parts: $(SUMMARY)
	@$(STEP) "build the control plane" -- $(MAKE) controlplane || true
	@$(MAKE) chart-suites || true
	@$(TEST) "chart: values, flags, kubeconform" -- go -C test/e2e test -json $(ARGS) ./templates || true
	@$(TEST) "chart: end to end" -real -- go -C test/e2e test -json $(FRESH) -timeout 30m $(ARGS) ./config ./chart || true

.PHONY: chart-suites
chart-suites: $(SUMMARY)
	@$(STEP) "build helm and helm-unittest" -- $(MAKE) chart-tools || true
	@$(STEP) "helm lint" -- $(MAKE) chart-lint || true
	@$(STEP) "helm-unittest" -- $(MAKE) chart-unittest || true

.PHONY: chart-tools
chart-tools:
	@$(foreach tool,helm helm-unittest kubeconform,go -C test/controlplane run ./cmd/controlplane tool $(tool);)

# With every value set as well as with none.
.PHONY: chart-lint
chart-lint:
	@helm=$(call TOOL,helm); \
	$$helm lint --strict charts/kroguard; \
	$$helm lint --strict charts/kroguard --values test/e2e/templates/testdata/everything.yaml

.PHONY: chart-unittest
chart-unittest:
	@unittest=$(call TOOL,helm-unittest); $$unittest --strict charts/kroguard

.PHONY: controlplane
controlplane: ## Build kube-apiserver, etcd, kubectl and kro into .cache (10 minutes the first time).
	@go -C test/controlplane run ./cmd/controlplane build

# A target is a line "func FuzzX(f *testing.F)"; found in the text, since asking go would build every test first.
.PHONY: fuzz
fuzz: $(SUMMARY) ## Run each fuzz target for FUZZTIME.
	@failed=0; \
	while IFS=: read -r file line; do \
		target=$${line#func }; target=$${target%%(*}; \
		$(STEP) "fuzz $$(dirname "$$file") $$target" -- \
			.ci/fuzz "$$(dirname "$$file")" "$$target" $(FUZZTIME) || failed=1; \
	done < <(grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' cmd internal policies webhook | sort); \
	exit $$failed

# Gatekeeper's driver for CEL has to be adapted in two places to compile here: see test/bench/cmd/gatekeeper.
BENCH_SOURCE := $(CURDIR)/.cache/bench
BENCH_FLAGS := -modfile $(BENCH_SOURCE)/go.mod -tags gatekeeper_cel

.PHONY: bench-source
bench-source:
	@go -C test/bench run ./cmd/gatekeeper -out $(BENCH_SOURCE)

.PHONY: bench
bench: bench-source ## Compare the engine with Gatekeeper's and Kubernetes' (5 minutes); ARGS='-markdown -n 50' are flags.
	@echo "building the comparison (minutes the first time) ..."
	@go -C test/bench build $(BENCH_FLAGS) -v -o $(CURDIR)/bin/bench ./cmd/bench 2>&1 | $(COMPILED)
	@bin/bench -json test/bench/results.json $(ARGS)

.PHONY: bench-apiserver
bench-apiserver: controlplane ## Measure at a real API server what admission adds to a request (2 minutes); ARGS are flags.
	@echo "building kroguard and the measurement (minutes the first time) ..."
	@go -C test/bench build -v -o $(CURDIR)/bin/bench-apiserver ./cmd/apiserver 2>&1 | $(COMPILED)
	@bin/bench-apiserver $(ARGS)

.PHONY: bench-packages
bench-packages: ## Run the benchmarks beside the code.
	go test -run '^$$' -bench . ./...

##@ Checks

.PHONY: verify
verify: reset verify-parts report ## Run all checks: generated files, format, vet, lint, modules, vulnerabilities, kustomizations.

.PHONY: verify-parts
verify-parts: $(SUMMARY)
	@$(STEP) "generated files" -- $(MAKE) verify-generated || true
	@$(STEP) "gofmt" -- $(MAKE) verify-format || true
	@for m in $(MODULES); do \
		$(STEP) "go mod tidy ($$m)" -- go -C $$m mod tidy -diff || true; \
		$(STEP) "go vet ($$m)" -- go -C $$m vet ./... || true; \
	done
	@$(STEP) "build golangci-lint" -- $(MAKE) $(GOLANGCI_LINT) || true
	@for m in $(MODULES); do \
		(cd $$m && $(STEP) "golangci-lint ($$m)" -- $(GOLANGCI_LINT) run --allow-serial-runners --config $(CURDIR)/.golangci.yml ./...) || true; \
	done
	@$(STEP) "govulncheck" -- .ci/govulncheck $(GOVULNCHECK) $(GOVULNCHECK_VERSION) || true
	@$(STEP) "kustomizations" -- $(MAKE) verify-kustomize || true

.PHONY: verify-generated
verify-generated: generate ## Check that git has what `make generate` writes.
	@git diff --exit-code -- $(GENERATED)
	@untracked=$$(git ls-files --others --exclude-standard -- $(GENERATED)); \
	if [[ -n $$untracked ]]; then printf 'generated, but not in git:\n%s\n' "$$untracked"; exit 1; fi

.PHONY: verify-format
verify-format:
	@unformatted=$$(git ls-files --cached --others --exclude-standard -- '*.go' | xargs gofmt -l); \
	if [[ -n $$unformatted ]]; then printf 'not formatted (make fmt):\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint on all modules.
	@for m in $(MODULES); do (cd $$m && $(GOLANGCI_LINT) run --allow-serial-runners --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: verify-kustomize
verify-kustomize: controlplane ## Check that kubectl builds each kustomization.
	@kubectl=$$(go -C test/controlplane run ./cmd/controlplane assets)/kubectl; \
	for dir in $(KUSTOMIZATIONS); do echo "$$dir"; $$kubectl kustomize $$dir > /dev/null; done

.PHONY: ci-parts
ci-parts: reset verify-parts test-parts $(SUMMARY)
	@$(MAKE) fuzz || true

# Each part leaves its result in a file; report adds them up and fails if one of them failed.
.PHONY: reset
reset:
	@rm -rf $(RESULTS)

.PHONY: report
report: $(SUMMARY)
	@$(SUMMARY) report -results $(RESULTS)

# $(call install,module path,version) installs a command beside its version.
define install
	@echo "building $(@F) $(2) ..."
	@GOBIN=$(@D) GOFLAGS= go install $(1)@$(2)
endef

$(CONTROLLER_GEN):
	$(call install,sigs.k8s.io/controller-tools/cmd/controller-gen,$(CONTROLLER_GEN_VERSION))

$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION))

.PHONY: $(SUMMARY)
$(SUMMARY):
	@go build -o $@ ./test/summary
