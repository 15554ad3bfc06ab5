# routed.fabric: `make demo` shows it, `make test` proves it. `make` alone lists the rest.
FABRIC ?= examples/spine-leaf/fabric.yml
CACHE  ?= $(or $(FABRIC_CACHE),$(HOME)/.cache/routed-fabric)
BIN    := $(CACHE)/venv/bin
RUN    := PATH="$(BIN):$$PATH" FABRIC_CACHE="$(CACHE)"
.DEFAULT_GOAL := help
.PHONY: help demo twin twin-down shell check test accept build clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a whole fabric from one file: up, configured, run again without a change, checked on live state
	@scripts/bootstrap.sh live
	@$(RUN) python scripts/twin.py up --fabric examples/spine-leaf/fabric.yml

twin: ## the same for a file of yours: make twin FABRIC=path/fabric.yml (leaves it standing)
	@scripts/bootstrap.sh live
	@$(RUN) python scripts/twin.py up --fabric "$(FABRIC)"

twin-down: ## take a twin away: make twin-down FABRIC=path/fabric.yml
	@scripts/bootstrap.sh live
	@$(RUN) python scripts/twin.py down --fabric "$(FABRIC)"

shell: ## a shell in a node of a standing twin: make shell NODE=pve1 FABRIC=path/fabric.yml
	@$(RUN) python scripts/twin.py shell --fabric "$(FABRIC)" --node "$(NODE)"

check: ## what needs no root: types, style, sanity, unit tests (under a minute the second time)
	@scripts/bootstrap.sh check
	@$(RUN) python scripts/test.py check

test: ## everything, with fixed seeds and small counts (root; at most 30 minutes)
	@scripts/bootstrap.sh live
	@$(RUN) python scripts/test.py test

accept: ## the full counts: make accept PART=spine (resumes; results/PART.json, docs/measurements.md)
	@scripts/bootstrap.sh live
	@$(RUN) python scripts/test.py accept "$(PART)"

build: ## the collection's tarball, in build/
	@scripts/bootstrap.sh check
	@$(RUN) ansible-galaxy collection build --force --output-path build

clean: ## what the targets made in this checkout (twins: make twin-down first)
	rm -rf build results collections .mypy_cache .ruff_cache .pytest_cache .hypothesis
