# `make fuzz`: libFuzzer on what reads foreign bytes, FUZZ_SECONDS each.  What it finds of
# interest goes to $(B)/fuzz/NAME, a crash to $(B)/fuzz; `make fuzz-corpus` keeps of it what
# covers more in tests/fuzz/corpus.  MXML names another mxml (one with checks built in).

FUZZ_xmlmap	= buf event utf8 xmlguard xmlmap
FUZZ_head	= buf digest event head scan utf8 xmlguard xmlmap
FUZZ_scan	= buf scan
FUZZ_query	= buf query

FUZZ_TARGETS	= xmlmap head scan query
FUZZ_SECONDS	?= 60
FUZZ_CC		?= clang
MXML		?= $(shell pkg-config --libs $(MXML_PC))
FUZZ_CFLAGS	= -std=c11 -D_XOPEN_SOURCE=700 -I. -Itests/fuzz $(WARN) -O1 -g \
		  -fno-omit-frame-pointer -fno-sanitize-recover=all \
		  -fsanitize=fuzzer-no-link,address,undefined
FUZZ_BINS	= $(FUZZ_TARGETS:%=$(B)/fuzz/fuzz_%)

.SECONDARY: $(FUZZ_BINS:%=%.o) $(foreach t,$(FUZZ_TARGETS),$(FUZZ_$(t):%=$(B)/fuzz/%.o))

$(B)/fuzz/%.o: tests/fuzz/%.c tests/fuzz/fuzz.h
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(foreach t,$(FUZZ_TARGETS),$(eval $(B)/fuzz/fuzz_$(t): $(FUZZ_$(t):%=$(B)/fuzz/%.o)))
$(FUZZ_BINS): $(B)/fuzz/fuzz_%: $(B)/fuzz/fuzz_%.o
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(MXML) -lcrypto

$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(B)/fuzz/fuzz_%
	@mkdir -p $(B)/fuzz/$*
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=30 -print_final_stats=1 \
	    -artifact_prefix=$(B)/fuzz/ -dict=tests/fuzz/$(if $(filter query,$*),query,xml).dict \
	    $(B)/fuzz/$* tests/fuzz/corpus/$*

fuzz: $(FUZZ_TARGETS:%=fuzz-%)

fuzz-corpus: $(FUZZ_BINS)
	@set -e; for t in $(FUZZ_TARGETS); do \
	    mkdir -p $(B)/fuzz/$$t; rm -rf $(B)/fuzz/kept; mkdir $(B)/fuzz/kept; \
	    $(B)/fuzz/fuzz_$$t -set_cover_merge=1 -max_len=2048 $(B)/fuzz/kept \
	        tests/fuzz/corpus/$$t $(B)/fuzz/$$t; \
	    rm -rf tests/fuzz/corpus/$$t; mv $(B)/fuzz/kept tests/fuzz/corpus/$$t; done

.PHONY: fuzz fuzz-corpus $(FUZZ_TARGETS:%=fuzz-%)
-include $(wildcard $(B)/fuzz/*.d)
