# `make bench-xmlmap`: what translating a message costs, see bench/xmlmap_bench.c.

$(B)/bench/xmlmap_bench: bench/xmlmap_bench.c $(patsubst %,$(B)/%.o,buf event utf8 \
    xmlguard xmlmap) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) \
	    $(shell pkg-config --libs $(MXML_PC))

bench-xmlmap: $(B)/bench/xmlmap_bench
	@$< $(wildcard tests/cases/*.xml)

.PHONY: bench-xmlmap
