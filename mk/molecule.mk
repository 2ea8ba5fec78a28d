# A systemd host in a container, from bare to verified and back. SCENARIO chooses another one than `default`.

SCENARIO ?= default

.PHONY: molecule
molecule: setup-dev ## the collection on a systemd Debian host in Docker (SCENARIO=default)
	@$(BIN)/python molecule/run.py $(SCENARIO)
