# `make` alone lists the targets. The parts live in mk/.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

include $(sort $(wildcard mk/*.mk))

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'
