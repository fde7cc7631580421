# `make bench`: qtoa against the most that a program of its kind can do (see
# bench/bench.py).  BENCH_QUICK=1: under a minute, rougher figures.

BENCH	 = $(B)/bench

# Linked to all that qtoa may use, whether it calls it or not: a CGI's time is loading.
$(BENCH)/ceiling_cgi: bench/ceiling_cgi.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $< -Wl,--no-as-needed $(LDLIBS)

$(BENCH)/ceiling: bench/ceiling.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $< $(LDLIBS)

# Its own copy of OpenSSL: shared pages would make qtoa look smaller than it is.
$(BENCH)/sink: bench/sink.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $< \
	    -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread

bench: $(BENCH)/ceiling $(BENCH)/ceiling_cgi $(BENCH)/sink
	@MAKE='$(MAKE)' $(PYTHON) bench/bench.py $(BENCH)

.PHONY: bench
