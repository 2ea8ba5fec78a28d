# The gates. Each leaves JUnit XML in INFERHOST_REPORTS; `make test` runs them, two at a time, and gives each a folder.

export INFERHOST_REPORTS ?= $(CURDIR)/.reports/adhoc

PYTEST := $(BIN)/python -m pytest
CONFORMANCE_VENV := .cache/venvs/conformance
HUB_VENV := .cache/venvs/hub

.PHONY: test lint sanity units conformance conformance-venv hub-venv models test-demo ledger cases fmt readmes changelog

test: ## every gate (STAGES="lint units" for some)
	@tools/setup.sh dev
	@$(BIN)/python tools/run_tests.py $(STAGES)

lint: setup-dev conformance-venv ## static checks (CHECKS="ruff mypy" for some)
	@$(BIN)/python tools/lint.py --reports $(INFERHOST_REPORTS) $(CHECKS)

sanity: setup-dev ## ansible-test sanity, without ignores
	@$(BIN)/python tools/ansible_test.py sanity --reports $(INFERHOST_REPORTS)

units: setup-dev ## unit tests on every Python that is here
	@$(BIN)/python tools/ansible_test.py units --reports $(INFERHOST_REPORTS)
	@$(PYTEST) -q tests/unit/tools $(wildcard tests/unit/roles) --junitxml $(INFERHOST_REPORTS)/units-tools.xml

# What wants real vLLM, tests/demo runs with the engine of the demo.
conformance: conformance-venv models ## the proxy between a scripted upstream and the libraries of its clients, and fetching models with huggingface_hub
	@$(CONFORMANCE_VENV)/bin/python -m pytest -q tests/conformance --ignore-glob 'tests/conformance/test_vllm*.py' --junitxml $(INFERHOST_REPORTS)/conformance.xml

models: setup-dev hub-venv ## fetching models: the real huggingface_hub and a stand-in of the Hub
	@$(PYTEST) -q tests/models --junitxml $(INFERHOST_REPORTS)/models.xml

hub-venv: setup
	@test -x $(HUB_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(HUB_VENV)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(HUB_VENV)/bin/python roles/model/files/hub.lock

# Two gates at once must not build it into the same folder.
conformance-venv: setup
	@exec 9>.cache/conformance.lock; flock 9 2>/dev/null || true; \
	  test -x $(CONFORMANCE_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(CONFORMANCE_VENV); \
	  $(BIN)/uv pip sync --quiet --require-hashes --python $(CONFORMANCE_VENV)/bin/python tests/conformance/requirements.lock

# The clients and the engine's tests use the demo that tests/demo starts, so they are one call, in this order. The roles' rules want the promtool that the
# demo brings.
test-demo: setup-dev conformance-venv ## make demo from nothing: endpoint, faults, the model, real clients
	@$(CONFORMANCE_VENV)/bin/python -m pytest tests/demo tests/clients --junitxml $(INFERHOST_REPORTS)/demo.xml
	@$(PYTEST) -q tests/roles --junitxml $(INFERHOST_REPORTS)/demo-roles.xml

ledger: setup-dev ## which rows of the field's failures are proven, by the reports of this commit
	@$(BIN)/python tools/ledger.py

cases: setup-dev ## known failures of gateways and the proxy's features, by the reports of this commit (CASES=--unmet)
	@$(BIN)/python tools/cases.py $(CASES)

fmt: setup-dev ## let ruff format and mend what it can
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

readmes: setup ## the roles' README.md from their argument specifications
	@$(BIN)/python tools/role_readmes.py

changelog: setup-dev ## CHANGELOG.md from the fragments, with the plugins that are there
	@$(BIN)/antsibull-changelog release --reload-plugins --update-existing
