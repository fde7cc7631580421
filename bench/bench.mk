# `make bench`: qtoa against the most that a program of its kind can do (see
# bench/bench.py).  BENCH_QUICK=1: under a minute, rougher figures.

BENCH	 = $(B)/bench

# Linked to all that qtoa is linked to, whether they call it or not: a CGI's time is loading.
$(BENCH)/ceiling $(BENCH)/ceiling_cgi: $(BENCH)/%: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< -Wl,--no-as-needed $(LDLIBS)

$(BENCH)/syncs.so: bench/syncs.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -shared -o $@ $<

# Its own copy of OpenSSL: shared pages would make qtoa look smaller than it is.
$(BENCH)/sink: bench/sink.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< \
	    -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread

bench: $(addprefix $(BENCH)/,ceiling ceiling_cgi sink syncs.so)
	@MAKE='$(MAKE)' $(PYTHON) bench/bench.py $(BENCH)

.PHONY: bench
