# Unit tests: one program a module, linked with the module and what it stands on beside
# buf and err.  A new one is a name in UNIT_TESTS, its line and tests/unit/test_NAME.c.

UNIT_conf	= conf
UNIT_crypto	= crypto digest query scan unit/vectors
UNIT_forward	= forward json trust
UNIT_head	= digest event scan utf8 xmlguard xmlmap head
UNIT_json	= json
UNIT_log	= log
UNIT_query	= query
UNIT_scan	= scan
UNIT_sign	= digest query sign utf8 unit/vectors
UNIT_utf8	= utf8
UNIT_xmlmap	= event utf8 xmlguard xmlmap

UNIT_TESTS	= buf conf crypto err forward head json log query scan sign utf8 xmlmap
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
