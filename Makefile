# GNU make; `make help` says what for.

CONFIG	?= config.h
B	?= build
BC	?= $(B)
BIN	?= qtoa
SAN	?=
CC	?= cc
PYTHON	?= /usr/bin/python3
JOBS	?= 2
V	 = 0.1

# Asked once, and only by what needs it.  mxml 4 has a name of its own.
once	 = $(eval $1 := $$(shell $2))$($1)
MXML_PC	 = $(call once,MXML_PC,pkg-config --exists mxml4 2>/dev/null && echo mxml4 || echo mxml)
PKGS	 = libcurl openssl jansson $(MXML_PC) sqlite3
PKG_CFLAGS = $(call once,PKG_CFLAGS,pkg-config --cflags $(PKGS))
PKG_LIBS = $(call once,PKG_LIBS,pkg-config --libs $(PKGS))
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
ALL_CFLAGS = -std=c11 -D_XOPEN_SOURCE=700 -DQTOA_VERSION='"$(V)"' -I. $(WARN) \
	     $(HARD) $(CFLAGS) $(PKG_CFLAGS)
LDLIBS	 = -lfcgi $(PKG_LIBS) -lpthread

MODULES	 = allow answer archive breaker buf check checkconf checkhost checknet checkstore \
	   claim cmd collect completion conf control crypto cubepull cubestore datacube \
	   datacubecmd day db deliver desk \
	   digest dispense drain draincmd err event figure finding flood flowchart form forward \
	   grid head headline health help html http identity journal json jsonpath keep \
	   log means metrics page pool pulse query queue queuecmd queuelist queueshow reconcile \
	   reconcilecmd report reportcmd request rescue salvage scan schema scripts seen \
	   send served sign sql status statuscmd store storefile style table tally tallyfile term termtable \
	   timechart token tokencmd trim trust utf8 verbs view vitals words wxapi wxerr \
	   xmlguard xmlmap
OBJS	 = $(filter-out $(B)/conf.o,$(MODULES:%=$(B)/%.o)) $(BC)/conf.o

all: $(BIN)

$(BIN): $(B)/qtoa.o $(OBJS) $(BC)/config.ok
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

# The one file that sees the values.  Several configurations can share all other objects: what
# is made of each is in its BC.
$(BC)/conf.o: conf.c $(CONFIG) $(BC)/config.name $(B)/flags
	$(CC) $(ALL_CFLAGS) -DCONFIG_FILE='"$(CONFIG)"' -MMD -MP -c -o $@ $<

# What is wrong with the values themselves fails the build, by name.
$(BC)/config.ok: $(BC)/confcheck
	$(BC)/confcheck
	@touch $@

$(BC)/confcheck: $(B)/confcheck.o $(BC)/conf.o $(B)/allow.o $(B)/buf.o $(B)/err.o
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^

# What is missing to build at all is said before a compiler stumbles.
$(B)/needs: FORCE
	@mkdir -p $(B)
	@packaging/needs.sh '$(CC)' $@ $(PKGS)

# Other flags or compiler: everything anew.  Another CONFIG: what sees it.
$(B)/flags: $(B)/needs
$(B)/flags: NOW = $(CC) $(ALL_CFLAGS)
$(BC)/config.name: NOW = $(abspath $(CONFIG))
$(B)/flags $(BC)/config.name: FORCE
	@mkdir -p $(@D)
	@echo '$(NOW)' | cmp -s - $@ || echo '$(NOW)' >$@

# Everything that must hold; its parts by themselves.
check:
	$(MAKE) -j $(JOBS) built
	$(MAKE) check-unit check-table check-docs check-e2e

# The same under sanitizers; threads where there are some.  At -O2 they take three times as long
# to compile, and find no more.
SAN_CFLAGS = -O1 -g1
check-san:
	$(MAKE) check B=$(B)-asan BIN=$(B)-asan/qtoa SAN=address,undefined \
	    CFLAGS='$(SAN_CFLAGS)' E2E_JOBS=3
check-tsan:
	$(MAKE) -j $(JOBS) $(B)-tsan/qtoa B=$(B)-tsan BIN=$(B)-tsan/qtoa SAN=thread \
	    CFLAGS='$(SAN_CFLAGS)'
	$(MAKE) check-e2e B=$(B)-tsan BIN=$(B)-tsan/qtoa SAN=thread CFLAGS='$(SAN_CFLAGS)' \
	    E2E_ARGS='$(E2E_ARGS) tests/e2e/test_fcgi.py'

include packaging/install.mk $(wildcard tests/*/*.mk bench/*.mk)

# What the tests are made of.
built: $(BIN) $(UNIT_BINS) $(MODELS)

clean:
	rm -rf build build-asan build-tsan $(B) $(BIN)

help:
	@printf '%s\n' \
	    'make [CONFIG=/path/my.h]  the program, with the accounts of that file' \
	    'make install              OWNER=, PREFIX=, ...: see packaging/install.mk' \
	    'make uninstall            what install has placed; the state stays' \
	    'make deb                  a Debian package' \
	    'make dist                 a tarball; distcheck: and does it build' \
	    'make check                every test; or check-unit, check-table, check-e2e' \
	    'make check-san            the same under ASan and UBSan; check-tsan: FastCGI under TSan' \
	    'make lint                 shell, manuals, completions, units, the package' \
	    'make fuzz, torture        for as long as one likes' \
	    'make fresh                README.md on a Debian that nobody has touched' \
	    'make bench                how fast it is' \
	    'make clean                remove what was built' \
	    'Of all: B=DIRECTORY for objects, BIN=FILE for the program, CC=, CFLAGS=, SAN=address,undefined'

FORCE:
.PHONY: all built check check-san check-tsan clean help FORCE
-include $(wildcard $(sort $(B)/*.d $(BC)/*.d))
