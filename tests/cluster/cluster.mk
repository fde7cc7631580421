# The store on real PostgreSQL servers, which the tests start: a primary, a standby, their faults.
# A program without libpq has nothing to test.

ifneq ($(POSTGRES),0)
CLUSTER	 = $(B)/cluster/store_tool $(B)/cluster/tables_tool

$(CLUSTER): $(B)/cluster/%: tests/cluster/%.c $(LIBQTOA) $(B)/flags
	@mkdir -p $(@D)
	$(LINK) -MMD -MP -MF $@.d -MT $@ $< $(LIBQTOA) $(LDLIBS)
endif

# What they do most is wait.
CLUSTER_JOBS ?= 2

CLUSTER_TESTS = STORE_TOOL='$(abspath $(B)/cluster/store_tool)' \
	    TABLES_TOOL='$(abspath $(B)/cluster/tables_tool)' \
	    MODELS_TOOL='$(abspath $(B))/models/models_tool' \
	    QTOA_B='$(abspath $(B))' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	    LDFLAGS='$(LDFLAGS)' $(PYTHON) -B -m pytest -q \
	    -o cache_dir='$(abspath $(B))/cluster/cache' -n $(CLUSTER_JOBS) --dist loadfile \
	    tests/cluster $(CLUSTER_ARGS)

# Servers, leases and claims go by the clock, and beside the other tests a machine can be too busy
# for them: what fails is run once more, alone, and must pass then.
check-cluster: $(CLUSTER) $(B)/models/models_tool
	@[ -z '$(CLUSTER)' ] || $(CLUSTER_TESTS) || \
	    { echo 'check-cluster: what failed is run once more'; $(CLUSTER_TESTS) --lf --lfnf=none; }

# The whole oracle on three hosts, at length: see tests/cluster/torture.py.  TORTURE_CLUSTER_ARGS:
# --seed N repeats what is drawn in a run, --say tells of each fault, --keep DIR keeps the logs.
TORTURE_RUNS ?= 200
TORTURE_CLUSTER_ARGS ?=
torture-cluster:
	QTOA_B='$(abspath $(B))' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
	    $(PYTHON) -B tests/cluster/torture.py --runs $(TORTURE_RUNS) $(TORTURE_CLUSTER_ARGS)

.PHONY: check-cluster torture-cluster
-include $(CLUSTER:%=%.d)
