# The static programs, of both architectures: what they need, names, HTTPS, real messages through
# lighttpd, and the image for containers.

check-static:
	@$(MAKE) --no-print-directory static STATIC=$(STATIC) STATIC_OUT=$(STATIC)/demo \
	    CONFIG=demo/config.h
	@$(MAKE) --no-print-directory static STATIC=$(STATIC) STATIC_OUT=$(STATIC)/tls \
	    CONFIG=tests/static/config.h
	STATIC='$(abspath $(STATIC))' $(PYTHON) -B -m pytest -q -p no:cacheprovider tests/static

.PHONY: check-static
