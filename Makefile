MODULES := . examples e2e
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s

.PHONY: help test check race lint tidy fuzz mutants bench generate examples cross ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## the tests of the root module, as in the README
	go test ./...

check: lint tidy race ## what has to pass before a pull request

race: ## all modules with the race detector, shuffled
	@for m in $(MODULES); do (cd $$m && go test -race -shuffle=on ./...) || exit 1; done

lint: ## gofmt, vet and staticcheck in all modules
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	@for m in $(MODULES); do (cd $$m && go vet ./... && go run $(STATICCHECK) ./...) || exit 1; done

tidy: ## go.mod and go.sum of all modules are what they should be
	@for m in $(MODULES); do (cd $$m && GOWORK=off go mod tidy -diff) || exit 1; done

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

mutants: ## the conformance suite against its seeded bugs, as a table
	go test ./storetest -run TestSeededBugs -count=1 -v

bench: ## benchmarks, with ratios to floors measured in the same run
	go test -run '^$$' -bench . -benchmem . ./store/... ./storetest

generate: ## the generated form of the catalog
	go generate ./catalog

examples: ## run the examples that need nothing
	go run ./examples/quickstart

cross: ## build for the other platforms
	@.ci/cross

ci: ## everything that runs on a pull request
	.ci/run
