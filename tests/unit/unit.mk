# Unit tests: one program for each tests/unit/ROOM/test_MODULE.c, linked with all modules.  A new one
# is found by itself.

UNIT_DIRS  = tests/unit $(ROOMS:%=tests/unit/%) $(ROOMS:%=tests/unit/%/*)
UNIT_BINS  = $(patsubst %.c,$(B)/%,$(wildcard $(UNIT_DIRS:%=%/test_*.c)))
UNIT_SHARED = $(patsubst %.c,$(B)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
# Memory and clocks are as a test wants them: see unit.h and clocks.h.
UNIT_LIBS  = -Wl,--wrap=realloc,--wrap=clock_gettime $(shell pkg-config --libs cmocka) $(LDLIBS)

.SECONDARY: $(UNIT_BINS:%=%.o) $(UNIT_SHARED)

$(B)/tests/unit/libunit.a: $(UNIT_SHARED)
	@rm -f $@
	$(AR) rcs $@ $^

$(UNIT_BINS): %: %.o $(B)/tests/unit/libunit.a $(LIBQTOA)
	$(LINK) $< -Wl,--start-group \
	    $(B)/tests/unit/libunit.a $(LIBQTOA) -Wl,--end-group $(UNIT_LIBS)

# All run, whatever one of them says, some at once since many wait; what one has to say is shown
# if it fails.  A report of the sanitizer is a failure.
UNIT_JOBS ?= 3

check-unit: check-layers check-style check-programs

check-programs: export UBSAN_OPTIONS = halt_on_error=1:print_stacktrace=1
check-programs: $(UNIT_BINS)
	@printf '%s\n' $(UNIT_BINS) | xargs -n 1 -P $(UNIT_JOBS) sh -c '"$$0" >"$$0.log" 2>&1 && \
	    sed -n "s|^\[  PASSED  \] \(.*\) test(s).*|ok      $${0##*/} (\1)|p" "$$0.log" || \
	    { cat "$$0.log"; echo "failed: $${0##*/}" >&2; exit 1; }'

.PHONY: check-unit check-programs
-include $(UNIT_BINS:%=%.d) $(UNIT_SHARED:.o=.d)
