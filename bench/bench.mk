# `make bench`: qtoa against the most that a program of its kind can do (see
# bench/bench.py).  BENCH_QUICK=1: under a minute, rougher figures.

BENCH	 = $(B)/bench

# Linked to all that qtoa is linked to, whether they call it or not: a CGI's time is loading.
CEILINGS = $(addprefix $(BENCH)/,ceiling ceiling_cgi ceiling_disk)
$(CEILINGS): $(BENCH)/%: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< -Wl,--no-as-needed $(LDLIBS)

$(BENCH)/syncs.so $(BENCH)/inside.so: $(BENCH)/%.so: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -shared -o $@ $<

# Its own copy of OpenSSL: shared pages would make qtoa look smaller than it is.
$(BENCH)/sink: bench/sink.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< \
	    -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread

bench: $(CEILINGS) $(addprefix $(BENCH)/,sink syncs.so inside.so)
	@MAKE='$(MAKE)' $(PYTHON) bench/bench.py $(BENCH)

.PHONY: bench
