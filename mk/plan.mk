# What fits, and the plan against what vLLM said of itself.

TRUTH ?= tests/plan/kv_truth.jsonl
CONFIGS ?= tests/plan/model_configs.json

.PHONY: plan score-plan
plan: setup ## will it fit? MODEL=Qwen/Qwen3-8B GPU="2 x RTX 4090" (WISHES="--client opencode --context 65536 --kv-cache-dtype fp8")
	@test -n "$(MODEL)" && test -n "$(GPU)" || { echo 'usage: make plan MODEL=Qwen/Qwen3-8B GPU="RTX 4090"' >&2; exit 2; }
	@$(BIN)/python tools/plan.py "$(MODEL)" "$(GPU)" $(WISHES)

score-plan: setup ## how well the plan foresees vLLM's memory, on published start-up logs (TRUTH= CONFIGS= for yours, LOGS=--all names those it missed)
	@$(BIN)/python tools/score_plan.py --truth $(TRUTH) --configs $(CONFIGS) $(LOGS)
