# Unit tests: one program a module, linked with the module and what it stands on beside
# buf and err.  A new one is a name in UNIT_TESTS, its line and tests/unit/test_NAME.c.

UNIT_breaker	= breaker conf db digest forward http json log queue schema trust unit/state
UNIT_claim	= claim unit/state
UNIT_conf	= conf
UNIT_crypto	= crypto digest query scan unit/vectors
UNIT_db		= db unit/state
UNIT_deliver	= breaker claim conf db deliver digest forward http json log means query queue schema \
		  rescue seen sign store storefile trust utf8 unit/peer unit/state
UNIT_drain	= $(UNIT_deliver) drain keep
UNIT_forward	= forward http json trust unit/peer
UNIT_head	= digest event scan utf8 xmlguard xmlmap head
UNIT_http	= http trust unit/peer
UNIT_json	= json
UNIT_log	= log
UNIT_means	= breaker claim conf db digest forward http json log means queue schema seen \
		  store storefile trust unit/state
UNIT_query	= query
UNIT_queue	= db queue schema unit/state
UNIT_scan	= scan
UNIT_schema	= db schema unit/state
UNIT_seen	= claim log seen unit/state
UNIT_sign	= digest query sign utf8 unit/vectors
UNIT_store	= claim db log rescue schema store storefile unit/state
UNIT_term	= term utf8
UNIT_utf8	= utf8
UNIT_xmlmap	= event utf8 xmlguard xmlmap

UNIT_TESTS	= breaker buf claim conf crypto db deliver drain err forward head http json log \
		  means query queue scan schema seen sign store term utf8 xmlmap
UNIT_BINS	= $(UNIT_TESTS:%=$(B)/unit/test_%)
UNIT_HELP	= $(B)/unit/unit.o $(B)/buf.o $(B)/err.o
UNIT_LIBS	= -Wl,--wrap=realloc $(shell pkg-config --libs cmocka) $(LDLIBS)

.SECONDARY: $(UNIT_BINS:%=%.o) $(UNIT_HELP)

$(B)/unit/%.o: tests/unit/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags cmocka) -MMD -MP -c -o $@ $<

$(foreach t,$(UNIT_TESTS),$(eval $(B)/unit/test_$(t): $(UNIT_$(t):%=$(B)/%.o)))
$(UNIT_BINS): $(B)/unit/test_%: $(B)/unit/test_%.o $(UNIT_HELP)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^ $(UNIT_LIBS)

# All run, whatever one of them says; a report of the sanitizer is a failure.
check-unit: export UBSAN_OPTIONS = halt_on_error=1:print_stacktrace=1
check-unit: $(UNIT_BINS)
	@bad=; tests/deps.sh tests/deps . || bad=" deps"; \
	    for t in $(UNIT_BINS); do $$t || bad="$$bad $${t##*/}"; done; \
	    test -z "$$bad" || { echo "failed:$$bad" >&2; exit 1; }

.PHONY: check-unit
-include $(wildcard $(B)/unit/*.d)
