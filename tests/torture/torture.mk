# `make torture`: what `make check` has in short form, at length (see tests/torture/torture.py).
# TORTURE_ARGS: names of parts, --seed N to repeat a run.

TORTURE_ARGS ?=

torture:
	E2E_B='$(abspath $(B))/e2e' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	    LDFLAGS='$(LDFLAGS)' $(PYTHON) -B tests/torture/torture.py $(TORTURE_ARGS)

.PHONY: torture
