# Hosts from bare to converged and back: systemd in containers, machines under QEMU and, where one is given, a real machine with a GPU.
# SCENARIO: default storage driver driver_vm container_toolkit gpu

SCENARIO ?= default

.PHONY: molecule
molecule: setup-dev ## the collection on test hosts (SCENARIO=default; storage driver driver_vm container_toolkit gpu)
	@$(BIN)/python molecule/run.py $(SCENARIO)
