# The demo: the whole product on this machine, in a folder of its own, without root and without a GPU.

DEMO_ROOT ?= $(CURDIR)/.demo
# Ports and anything else of the inventory: make demo DEMO_ARGS="-e inferhost_proxy_port=4400"
DEMO_ARGS ?=

export INFERHOST_DEMO_ROOT := $(DEMO_ROOT)

.PHONY: demo demo-down demo-clean

demo: setup ## real vLLM on the CPU with the built-in model, the proxy and Prometheus, verified
	@mkdir -p .cache
	@cd inventories && INFERHOST_PROGRESS_FILE=$(CURDIR)/.cache/demo-progress.json ansible-playbook site.yml -i local $(DEMO_ARGS)
	@cat $(DEMO_ROOT)/report/verify.txt

demo-down: ## stop what `make demo` started, and nothing else
	@if [ -S $(DEMO_ROOT)/run/supervisor.sock ]; then \
	  $(DEMO_ROOT)/venvs/supervisor/bin/python $(DEMO_ROOT)/lib/supervisord_stop.py $(DEMO_ROOT)/run/supervisor.sock; \
	else echo "nothing of $(DEMO_ROOT) is running"; fi

demo-clean: demo-down ## the same, and remove the folder
	@rm -rf $(DEMO_ROOT)

# What a playbook started by hand needs to behave like one started by make; for the tests.
.PHONY: print-env
print-env:
	@env | grep -E '^(UV_|ANSIBLE_|SSL_CERT_FILE=|PATH=)' || true

# pip must find PyTorch's CPU build too; where no index that pip asks has it: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
.PHONY: bench-demo
bench-demo: setup ## time of make demo as a ratio to pip installing the same wheels (ROUNDS=1)
	@$(BIN)/python tools/bench_demo.py --rounds $(or $(ROUNDS),1)
