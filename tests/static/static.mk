# The static programs, of both architectures: what they need, names, real messages through lighttpd.

check-static:
	@$(MAKE) --no-print-directory static STATIC=$(STATIC) STATIC_OUT=$(STATIC)/demo \
	    CONFIG=demo/config.h
	STATIC='$(abspath $(STATIC))/demo' $(PYTHON) -B -m pytest -q -p no:cacheprovider tests/static

.PHONY: check-static
