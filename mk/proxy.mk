# The proxy alone, in the foreground: what benchmarks and conformance clients start.
#   make proxy PORT=4000 UPSTREAM=http://127.0.0.1:8000 KEY_FILE=key          (several upstreams: UPSTREAM="URL URL")

PROXY_VENV := .cache/proxy-venv

.PHONY: proxy
proxy: setup ## the proxy alone, in the foreground (PORT=… UPSTREAM=… KEY_FILE=…)
	@test -n "$(PORT)" && test -n "$(UPSTREAM)" && test -n "$(KEY_FILE)" || { echo 'make proxy PORT=4000 UPSTREAM=http://127.0.0.1:8000 KEY_FILE=path/to/key'; exit 2; }
	@test -x $(PROXY_VENV)/bin/python || $(BIN)/uv venv --quiet --python 3.11 $(PROXY_VENV)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(PROXY_VENV)/bin/python roles/proxy/files/proxy.lock
	@PYTHONPATH=roles/proxy/files exec $(PROXY_VENV)/bin/python -m inferhost_proxy --port $(PORT) $(foreach url,$(UPSTREAM),--upstream $(url)) --key-file $(KEY_FILE)

.PHONY: bench-proxy
bench-proxy: setup ## what the proxy costs beside nginx and LiteLLM, in one run (BENCH="--quick --gateways nginx proxy")
	@$(BIN)/python tests/bench/gateways.py $(BENCH)
