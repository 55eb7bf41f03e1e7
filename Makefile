MODULES := . examples e2e mcp otel queue/river store/postgres
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s

.PHONY: help test check race lint tidy fuzz mutants soak kill load bench generate examples cross ci

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

mutants: ## the conformance suite and the schedules against seeded bugs, as tables
	STORETEST_EVERY_RULE=1 go test ./storetest -run TestSeededBugs -count=1 -v
	TIELINE_MUTANTS=1 go test . -run TestSeededRefreshBugs -count=1 -v

soak: ## ten minutes at an authorization server that punishes reuse, on both databases
	cd e2e && TIELINE_REQUIRE_POSTGRES=1 TIELINE_E2E_DURATION=10m go test -run TestOneExchangePerGeneration -count=1 -v -timeout 30m .

kill: ## a thousand kills per database, and pauses and outages, of refreshes and of functions; takes forty minutes
	cd e2e && TIELINE_REQUIRE_POSTGRES=1 TIELINE_E2E_KILL_DURATION=8m go test -run 'TestKill$$' -count=1 -v -timeout 40m .
	cd e2e && TIELINE_REQUIRE_POSTGRES=1 TIELINE_E2E_DURATION=8m go test -run 'TestFunctionsKill$$' -count=1 -v -timeout 40m .

load: ## the service under 64 connections, next to a bare handler; takes two minutes
	cd e2e && TIELINE_E2E_LOAD=30s go test -run TestLoad -count=1 -v .

bench: ## benchmarks, with ratios to floors measured in the same run
	go test -run '^$$' -bench . -benchmem -timeout 1h . ./store ./store/sqlite ./storetest
	cd store/postgres && go test -run '^$$' -bench . -benchmem -timeout 1h .

generate: ## the generated form of the catalog, and the list of providers
	go generate ./catalog

examples: ## run the examples that need nothing
	go run ./examples/quickstart
	go run ./examples/contacts

cross: ## build for the other platforms
	@.ci/cross

ci: ## everything that runs on a pull request
	.ci/run
