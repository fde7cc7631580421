# Which room may include which, and where a foreign library is at home: tests/layers/table.

LAYERED	 = $(filter-out config.h,$(wildcard *.[ch] $(ROOMS:%=%/*.[ch]) $(ROOMS:%=%/*/*.[ch])))

check-layers:
	@tests/layers/layers.sh tests/layers/table $(LAYERED)
	@tests/layers/selftest.sh tests/layers/table $(LAYERED)

.PHONY: check-layers
