# `make fuzz`: libFuzzer on what reads foreign bytes, FUZZ_SECONDS each.  What it finds of
# interest goes to $(B)/fuzz/NAME, a crash to $(B)/fuzz; `make fuzz-corpus` keeps of it what
# covers more in tests/fuzz/corpus.  MXML names another mxml (one with checks built in).

FUZZ_TARGETS	= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS	?= 60
FUZZ_CC		?= clang
MXML		?= $(shell pkg-config --libs $(MXML_PC))
FUZZ_CFLAGS	= -std=c11 -D_XOPEN_SOURCE=700 -DQTOA_VERSION='"$(V)"' -DQTOA_POSTGRES=$(POSTGRES) -I. -Itests/fuzz $(WARN) \
		  $(PKG_CFLAGS) -O1 -g \
		  -fno-omit-frame-pointer -fno-sanitize-recover=all \
		  -fsanitize=fuzzer-no-link,address,undefined
FUZZ_BINS	= $(FUZZ_TARGETS:%=$(B)/fuzz/tests/fuzz/fuzz_%)
FUZZ_OBJS	= $(patsubst %.c,$(B)/fuzz/%.o,$(SOURCES))

.SECONDARY: $(FUZZ_BINS:%=%.o) $(FUZZ_OBJS)

$(B)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

# Without the configuration's values, and what is made: no target needs them.
$(B)/fuzz/libqtoa.a: $(filter-out $(OWN:%=$(B)/fuzz/%.o),$(FUZZ_OBJS))
	@rm -f $@
	$(AR) rcs $@ $^

$(FUZZ_BINS): %: %.o $(B)/fuzz/libqtoa.a
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(MXML) $(shell pkg-config --libs nettle jansson)

$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(B)/fuzz/tests/fuzz/fuzz_%
	@mkdir -p $(B)/fuzz/$*
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=30 -print_final_stats=1 \
	    -artifact_prefix=$(B)/fuzz/ -dict=$(or $(wildcard tests/fuzz/$*.dict),tests/fuzz/xml.dict) \
	    $(B)/fuzz/$* tests/fuzz/corpus/$*

fuzz: $(FUZZ_TARGETS:%=fuzz-%)

fuzz-corpus: $(FUZZ_BINS)
	@set -e; for t in $(FUZZ_TARGETS); do \
	    mkdir -p $(B)/fuzz/$$t; rm -rf $(B)/fuzz/kept; mkdir $(B)/fuzz/kept; \
	    $(B)/fuzz/tests/fuzz/fuzz_$$t -set_cover_merge=1 -max_len=2048 $(B)/fuzz/kept \
	        tests/fuzz/corpus/$$t $(B)/fuzz/$$t; \
	    rm -rf tests/fuzz/corpus/$$t; mv $(B)/fuzz/kept tests/fuzz/corpus/$$t; done

.PHONY: fuzz fuzz-corpus $(FUZZ_TARGETS:%=fuzz-%)
-include $(wildcard $(FUZZ_BINS:%=%.d) $(FUZZ_OBJS:.o=.d))
