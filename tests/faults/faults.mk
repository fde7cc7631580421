# Libraries to preload: one that lets writing fail (faults.c), one that sets the clock
# (clock.c), one that takes algorithms from OpenSSL (crypto.c).

FAULTS_CFLAGS = -std=c11 $(WARN) -O2 -g -fPIC -shared

$(B)/faults.so $(B)/clock.so $(B)/crypto.so: $(B)/%.so: tests/faults/%.c tests/faults/faults.mk
	@mkdir -p $(@D)
	$(CC) $(FAULTS_CFLAGS) -o $@ $<

faults: $(B)/faults.so $(B)/clock.so $(B)/crypto.so

.PHONY: faults
