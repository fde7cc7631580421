# End to end: the real program behind the real web servers, WeChat and QT played in Python.
# E2E_ARGS is handed to pytest: make check-e2e E2E_ARGS='-k nginx'

E2E_JOBS ?= 2
E2E_ARGS ?=

check-e2e:
	E2E_B='$(abspath $(B))/e2e' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	    LDFLAGS='$(LDFLAGS)' $(PYTHON) -B -m pytest -q -p no:cacheprovider \
	    -n $(E2E_JOBS) --dist loadfile $(E2E_ARGS) \
	    $(if $(findstring tests/e2e,$(E2E_ARGS)),,tests/e2e)

.PHONY: check-e2e
