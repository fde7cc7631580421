# The report's questions against an independent computation (models.py) over a generated month.

MODELS	 = $(B)/models/models_tool

$(MODELS): tests/models/models_tool.c $(LIBQTOA) $(B)/flags
	@mkdir -p $(@D)
	$(LINK) -MMD -MP -MF $@.d -MT $@ $< $(LIBQTOA) $(LDLIBS)

MODELS_JOBS ?= 2

check-models: $(MODELS)
	MODELS_TOOL='$(abspath $(MODELS))' POSTGRES=$(POSTGRES) $(PYTHON) -B -m pytest -q \
	    -p no:cacheprovider -n $(MODELS_JOBS) --dist loadgroup tests/models

# How long each question takes with a million events within a month; see tests/models/bench.py.
report-bench: $(MODELS)
	MODELS_TOOL='$(abspath $(MODELS))' $(PYTHON) -B tests/models/bench.py $(B)/models

.PHONY: check-models report-bench
-include $(MODELS).d
