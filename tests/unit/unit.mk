# Unit tests: one program a module, linked with the module and what it stands on beside
# allow, buf and err.  A new one is a name in UNIT_TESTS, its line and tests/unit/test_NAME.c.

UNIT_allow	=
UNIT_archive	= archive day db queue salvage schema unit/state
UNIT_breaker	= breaker conf db digest forward http json jsonpath log queue salvage schema trust unit/state
UNIT_chart	= answer day db event figure flowchart grid html table timechart utf8 words
UNIT_check	= $(UNIT_token) checkconf checkhost checknet checkstore control finding forward \
		  served term utf8
UNIT_claim	= claim unit/state
UNIT_collect	= archive claim collect conf control crypto day db digest event head http identity json \
		  jsonpath log query queue salvage scan schema sign store storefile token trust utf8 \
		  wxerr xmlguard xmlmap unit/state
UNIT_conf	= conf
UNIT_control	= control http json jsonpath query trust wxerr unit/peer
UNIT_crypto	= crypto digest query scan unit/vectors
UNIT_cubestore	= cubestore datacube day db schema unit/state
UNIT_datacube	= datacube day
UNIT_db		= db unit/state
UNIT_day	= day
UNIT_deliver	= breaker claim conf day db deliver digest flood forward http json jsonpath log means query queue salvage schema \
		  archive rescue seen sign store storefile tally tallyfile trust utf8 unit/peer unit/state
UNIT_digest	= digest
UNIT_dispense	= $(UNIT_token) crypto dispense scan
UNIT_drain	= $(UNIT_deliver) drain keep
UNIT_figure	= figure words
UNIT_finding	= finding term utf8
UNIT_flood	= claim flood log unit/clocks unit/state
UNIT_forward	= forward http json jsonpath trust unit/peer
UNIT_head	= digest event scan utf8 xmlguard xmlmap head
UNIT_health	= claim conf day db event health log queue salvage schema table tally tallyfile unit/state
UNIT_html	= html utf8
UNIT_http	= http trust unit/peer
UNIT_identity	= $(UNIT_token) control identity
UNIT_json	= json jsonpath
UNIT_jsonpath	= jsonpath
UNIT_log	= log unit/clocks unit/state
UNIT_means	= breaker claim conf day db digest flood forward http json jsonpath log means queue salvage schema seen \
		  store storefile tally tallyfile trust unit/state
UNIT_metrics	= claim day log metrics tally tallyfile utf8 unit/state
UNIT_page	= answer conf day db digest event figure flowchart form grid headline html page \
		  query style table timechart utf8 view words
UNIT_pulse	= $(UNIT_vitals) event pulse
UNIT_query	= query
UNIT_queue	= db queue salvage schema unit/state
UNIT_reconcile	= claim day log reconcile tally tallyfile unit/state
UNIT_report	= archive claim conf day db event health log queue report rescue salvage schema sql \
		  store storefile table tally tallyfile utf8 xmlguard xmlmap unit/state
UNIT_scan	= scan
UNIT_salvage	= archive day db queue salvage schema unit/dbfile unit/state
UNIT_schema	= db schema unit/dbfile unit/state
UNIT_seen	= claim log seen unit/state
UNIT_served	= served
UNIT_sign	= digest query sign utf8 unit/vectors
UNIT_status	= $(UNIT_vitals) event flood pulse status table tally tallyfile
UNIT_store	= archive claim day db log queue rescue salvage schema store storefile unit/state
UNIT_table	= db event table
UNIT_tally	= claim day event log tally tallyfile utf8 xmlguard xmlmap unit/state
UNIT_term	= term utf8
UNIT_termtable	= db event table term termtable utf8
UNIT_token	= archive claim conf day db digest http json jsonpath log query queue rescue salvage schema \
		  store storefile token trust wxerr unit/peer unit/state
UNIT_utf8	= utf8
UNIT_vitals	= $(UNIT_token) breaker forward term utf8 vitals
UNIT_verbs	= verbs
UNIT_words	= archive claim conf day db event health log queue report rescue salvage schema sql store storefile \
		  table tally tallyfile utf8 words
UNIT_wxapi	= $(UNIT_token) wxapi
UNIT_xmlmap	= event utf8 xmlguard xmlmap

UNIT_TESTS	= allow archive breaker buf chart check claim collect conf control crypto cubestore datacube day db deliver digest dispense drain err figure finding flood \
		  forward head health html http identity json jsonpath log \
		  means metrics page pulse query queue reconcile report salvage scan schema seen served sign status store table tally term termtable token utf8 vitals verbs words wxapi xmlmap
UNIT_BINS	= $(UNIT_TESTS:%=$(B)/unit/test_%)
UNIT_HELP	= $(B)/unit/unit.o $(B)/allow.o $(B)/buf.o $(B)/err.o
UNIT_LIBS	= -Wl,--wrap=realloc $(shell pkg-config --libs cmocka) $(LDLIBS)

.SECONDARY: $(UNIT_BINS:%=%.o) $(UNIT_HELP)

$(B)/unit/%.o: tests/unit/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags cmocka) -MMD -MP -c -o $@ $<

$(foreach t,$(UNIT_TESTS),$(eval $(B)/unit/test_$(t): $(UNIT_$(t):%=$(B)/%.o)))
$(B)/unit/test_flood $(B)/unit/test_log: private LDFLAGS += -Wl,--wrap=clock_gettime
$(UNIT_BINS): $(B)/unit/test_%: $(B)/unit/test_%.o $(UNIT_HELP)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^ $(UNIT_LIBS)

# All run, whatever one of them says, some at once since many wait; what one has to say is shown
# if it fails.  A report of the sanitizer is a failure.
UNIT_JOBS ?= 3

check-unit: export UBSAN_OPTIONS = halt_on_error=1:print_stacktrace=1
check-unit: $(UNIT_BINS)
	@bad=0; tests/deps.sh tests/deps . || bad=1; \
	    printf '%s\n' $(UNIT_BINS) | xargs -n 1 -P $(UNIT_JOBS) sh -c '"$$0" >"$$0.log" 2>&1 && \
	    sed -n "s|^\[  PASSED  \] \(.*\) test(s).*|ok      $${0##*/} (\1)|p" "$$0.log" || \
	    { cat "$$0.log"; echo "failed: $${0##*/}" >&2; exit 1; }' || bad=1; exit $$bad

.PHONY: check-unit
-include $(wildcard $(B)/unit/*.d)
