# A systemd host in a container, from bare to verified and back; and, where one is given, a real machine with a GPU. SCENARIO chooses others.

SCENARIO ?= default gpu

.PHONY: molecule
molecule: setup-dev ## the collection on a systemd Debian host in Docker, and on the GPU machine INFERHOST_GPU_HOST (SCENARIO=default)
	@status=0; for scenario in $(SCENARIO); do $(BIN)/python molecule/run.py $$scenario || status=1; done; exit $$status
