# The plan against what vLLM said of itself.

.PHONY: score-plan
score-plan: setup ## how well the plan foresees vLLM's memory, on published start-up logs (LOGS=--all names those it missed)
	@$(BIN)/python tools/score_plan.py $(LOGS)
