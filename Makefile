# GNU make.  The targets that matter: all, check, bench, install, clean; `make help`.

CONFIG	?= config.h
B	?= build
BIN	?= qtoa
SAN	?=
CC	?= cc
PYTHON	?= /usr/bin/python3
JOBS	?= 2
V	 = 0.1

PKGS	 = libcurl openssl jansson mxml sqlite3
CFLAGS	?= -O2 -g
WARN	 = -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes \
	   -Wmissing-prototypes -Werror
HARD	 = -fPIE -fstack-protector-strong
LDHARD	 = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(SAN),)
HARD	+= -D_FORTIFY_SOURCE=2
else
HARD	+= -fsanitize=$(SAN) -fno-omit-frame-pointer
LDHARD	+= -fsanitize=$(SAN)
endif
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -DQTOA_VERSION='"$(V)"' -I. $(WARN) \
	     $(HARD) $(CFLAGS) $(shell pkg-config --cflags $(PKGS))
LDLIBS	 = -lfcgi $(shell pkg-config --libs $(PKGS)) -lpthread

MODULES	 = allow answer archive breaker buf check claim cmd collect conf control \
	   crypto cubepull cubestore datacube datacubecmd day db deliver desk \
	   digest dispense drain draincmd err event figure flowchart form forward \
	   grid head headline health html http identity journal json jsonpath keep log \
	   means page pool query queue queuecmd queuelist queueshow reconcile \
	   reconcilecmd report reportcmd request rescue salvage scan schema seen \
	   send sign sql store storefile style table tally term termtable timechart \
	   token tokencmd trim trust utf8 view words wxapi wxerr xmlguard xmlmap
OBJS	 = $(MODULES:%=$(B)/%.o)

all: $(BIN)

$(BIN): $(B)/qtoa.o $(OBJS) $(B)/config.ok
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(B)/qtoa.o $(OBJS) $(LDLIBS)

$(B)/%.o: %.c $(B)/flags
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The style sheet, as C.
$(B)/style.c: style.sh page.css $(B)/flags
	./style.sh page.css >$@.new
	mv $@.new $@
$(B)/style.o: $(B)/style.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The questions' statements, as C.
$(B)/sql.c: sql.sh $(wildcard sql/*.sql) $(B)/flags
	./sql.sh $(filter %.sql,$^) >$@.new && mv $@.new $@
$(B)/sql.o: $(B)/sql.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The one file that sees the values.
$(B)/conf.o: private ALL_CFLAGS += -DCONFIG_FILE='"$(CONFIG)"'
$(B)/conf.o: $(CONFIG) $(B)/config.name

# What is wrong with the values themselves fails the build, by name.
$(B)/config.ok: $(B)/confcheck
	$(B)/confcheck
	@touch $@

$(B)/confcheck: $(B)/confcheck.o $(B)/conf.o $(B)/allow.o $(B)/buf.o $(B)/err.o
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^

# Other flags or compiler: everything anew.  Another CONFIG: what sees it.
$(B)/flags: NOW = $(CC) $(ALL_CFLAGS)
$(B)/config.name: NOW = $(abspath $(CONFIG))
$(B)/flags $(B)/config.name: FORCE
	@mkdir -p $(B)
	@echo '$(NOW)' | cmp -s - $@ || echo '$(NOW)' >$@

# Everything that must hold; its parts by themselves.
check:
	$(MAKE) -j $(JOBS) built
	$(MAKE) check-unit check-table check-e2e

# The same under sanitizers; threads where there are some.
check-san:
	$(MAKE) check B=$(B)-asan BIN=$(B)-asan/qtoa SAN=address,undefined
check-tsan:
	$(MAKE) check-e2e B=$(B)-tsan BIN=$(B)-tsan/qtoa SAN=thread \
	    E2E_ARGS='$(E2E_ARGS) tests/e2e/test_fcgi.py'

include $(wildcard tests/*/*.mk bench/*.mk)

# What the tests are made of.
built: $(BIN) $(UNIT_BINS) $(MODELS)

clean:
	rm -rf build build-asan build-tsan $(B) $(BIN)

FORCE:
.PHONY: all built check check-san check-tsan clean FORCE
-include $(wildcard $(B)/*.d)
