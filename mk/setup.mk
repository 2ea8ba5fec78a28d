# The environments. Everything else depends on one of: setup (playbooks), setup-dev (gates).

empty :=
space := $(empty) $(empty)
comma := ,

# uv reads none of pip's settings, so those given in the environment are handed on, in uv's notation.
ifndef UV_FIND_LINKS
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS := $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))
endif
endif
ifndef UV_DEFAULT_INDEX
ifdef UV_INDEX_URL
export UV_DEFAULT_INDEX := $(UV_INDEX_URL)
else ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX := $(PIP_INDEX_URL)
endif
endif
ifndef SSL_CERT_FILE
ifdef PIP_CERT
export SSL_CERT_FILE := $(PIP_CERT)
endif
endif

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
# ansible's and our own tools call each other by name.
export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
# Thousands of short-lived Pythons begin here; each would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup setup-dev lock clean

setup: ## .venv and .collections for running the playbooks
	@tools/setup.sh run

setup-dev: ## the same with the gates' tools
	@tools/setup.sh dev

LOCKS := bootstrap run dev collections ansible-test

lock: setup ## resolve requirements/*.in again (LOCKS="run dev" for some)
	@set -e; cd requirements; for name in $(LOCKS); do \
	  env -u UV_FIND_LINKS -u UV_DEFAULT_INDEX -u UV_INDEX_URL $(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	    --generate-hashes $$(test $$name != collections || echo --no-deps) --custom-compile-command "make lock" --output-file $$name.lock $$name.in; \
	  echo "requirements/$$name.lock"; done

clean: ## remove what make built here (environments, reports, caches)
	rm -rf .venv .collections .build .reports .cache
