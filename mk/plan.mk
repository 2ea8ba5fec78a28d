# The plan against what vLLM said of itself.

TRUTH ?= tests/plan/kv_truth.jsonl
CONFIGS ?= tests/plan/model_configs.json

.PHONY: score-plan
score-plan: setup ## how well the plan foresees vLLM's memory, on published start-up logs (TRUTH= CONFIGS= for yours, LOGS=--all names those it missed)
	@$(BIN)/python tools/score_plan.py --truth $(TRUTH) --configs $(CONFIGS) $(LOGS)
