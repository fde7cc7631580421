# Libraries to preload: one that lets writing fail (faults.c), one that sets the clock
# (clock.c), one that makes libcurl older (curl.c), one that lets a process of the same user look into /proc/PID (open.c).

FAULTS = $(B)/faults.so $(B)/clock.so $(B)/curl.so $(B)/open.so
FAULTS_CFLAGS = -std=c11 $(WARN) -O2 -g -fPIC -shared

$(FAULTS): $(B)/%.so: tests/faults/%.c tests/faults/faults.mk
	@mkdir -p $(@D)
	$(CC) $(FAULTS_CFLAGS) -o $@ $<

faults: $(FAULTS)

.PHONY: faults
