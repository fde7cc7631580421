# `make bench-xmlmap`: what translating a message costs, see bench/xmlmap_bench.c.

$(B)/bench/xmlmap_bench: bench/xmlmap_bench.c $(LIBQTOA) $(B)/flags
	@mkdir -p $(@D)
	$(LINK) $< $(LIBQTOA) $(LDLIBS)

bench-xmlmap: $(B)/bench/xmlmap_bench
	@$< $(wildcard tests/cases/*.xml)

.PHONY: bench-xmlmap
