# A library to preload that lets writing fail (tests/faults/faults.c).  `make faults`
# builds it beside the tests' programs; they ask for it themselves.

FAULTS_CFLAGS = -std=c11 $(WARN) -O2 -g -fPIC -shared

$(B)/faults.so: tests/faults/faults.c tests/faults/faults.mk
	@mkdir -p $(@D)
	$(CC) $(FAULTS_CFLAGS) -o $@ $<

faults: $(B)/faults.so

.PHONY: faults
