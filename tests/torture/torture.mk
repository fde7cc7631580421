# `make torture`: what `make check` has in short form, at length (see tests/torture/torture.py).
# TORTURE_ARGS: names of parts, --seed N to repeat a run: --seed 7 gone/wal.

TORTURE_ARGS ?=

torture:
	QTOA_B='$(abspath $(B))' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	    LDFLAGS='$(LDFLAGS)' $(PYTHON) -B tests/torture/torture.py $(TORTURE_ARGS)

.PHONY: torture
