# `make bench`: qtoa against the most that a program of its kind can do (see
# bench/bench.py).  BENCH_PART='queue cgi': these parts alone.  BENCH_QUICK=1: in some minutes,
# rougher figures.  BENCH_FLAT=1: part queue with 10^7 known messages and 10^6 that wait, too, which
# needs 3 GB of disk.

BENCH	 = $(B)/bench

# Linked to all that qtoa is linked to, whether they call it or not: a CGI's time is loading.
CEILINGS = $(addprefix $(BENCH)/,ceiling ceiling_cgi ceiling_disk)
$(CEILINGS): $(BENCH)/%: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< -Wl,--no-as-needed $(LDLIBS)

$(BENCH)/syncs.so $(BENCH)/inside.so: $(BENCH)/%.so: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -shared -o $@ $<

$(BENCH)/bare $(BENCH)/pace: $(BENCH)/%: bench/%.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< -lpthread

# Its own copy of OpenSSL: shared pages would make qtoa look smaller than it is.
$(BENCH)/sink: bench/sink.c $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< \
	    -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl -lpthread

$(BENCH)/fill $(BENCH)/traffic: $(BENCH)/%: bench/%.c $(LIBQTOA) $(B)/flags
	@mkdir -p $(BENCH)
	$(LINK) $< $(LIBQTOA) $(LDLIBS)

BENCHES	 = $(CEILINGS) $(addprefix $(BENCH)/,bare fill pace sink syncs.so inside.so)

# All programs of the benchmarks, for a look if they compile.
bench-built: $(BENCHES) $(BENCH)/traffic $(BENCH)/xmlmap_bench

bench: $(BENCHES)
	@MAKE='$(MAKE)' $(PYTHON) bench/bench.py $(BENCH) $(BENCH_PART)

# Hosts that share a store on PostgreSQL, against one that has its own.
bench-cluster: $(addprefix $(BENCH)/,pace sink)
	@MAKE='$(MAKE)' $(PYTHON) bench/cluster.py $(BENCH)

# How much room such a store needs: BENCH_PART='size cost week', see bench/cluster_size.py.
bench-cluster-size: $(BENCH)/traffic
	@$(PYTHON) bench/cluster_size.py $(BENCH) $(BENCH_PART)

.PHONY: bench bench-built bench-cluster bench-cluster-size
