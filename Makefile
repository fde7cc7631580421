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

# The rooms, and in them every module: a new file is found by itself.  Which room may
# include which is in tests/layers/table.
ROOMS	 = core net state wechat forwarder collector report monitor server cli
SOURCES	 = $(filter-out qtoa.c,$(wildcard *.c $(ROOMS:%=%/*.c) $(ROOMS:%=%/*/*.c)))
MADE	 = cli/completion report/sql report/style
OBJS	 = $(patsubst %,$(B)/%.o,$(filter-out core/conf,$(SOURCES:%.c=%) $(MADE)))
# All but qtoa.o, for the program and for all that tests and measures it.
LIBQTOA	 = $(BC)/core/conf.o $(B)/libqtoa.a
COMPLETION = $(B)/completion.bash $(B)/completion.zsh

all: $(BIN) $(COMPLETION)

$(BIN): $(B)/qtoa.o $(LIBQTOA) $(BC)/config.ok
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(B)/qtoa.o $(LIBQTOA) $(LDLIBS)

$(B)/libqtoa.a: $(OBJS) $(B)/modules
	@rm -f $@
	$(AR) rcs $@ $(OBJS)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The style sheet, as C.
$(B)/report/style.c: report/style.sh report/page.css $(B)/flags
	@mkdir -p $(@D)
	report/style.sh report/page.css >$@.new
	mv $@.new $@

# The questions' statements, as C.
$(B)/report/sql.c: report/sql.sh $(wildcard report/sql/*.sql) $(B)/flags
	@mkdir -p $(@D)
	report/sql.sh $(filter %.sql,$^) >$@.new && mv $@.new $@

# The scripts that make a shell complete qtoa's verbs, as C.
$(B)/cli/completion.c: cli/completion.sh cli/completion.bash cli/completion.zsh $(B)/flags
	@mkdir -p $(@D)
	cli/completion.sh cli/completion.bash cli/completion.zsh >$@.new && mv $@.new $@

$(MADE:%=$(B)/%.o): $(B)/%.o: $(B)/%.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What `qtoa completion` prints, for `make install`.  A program that cannot run here, since it is for
# another machine, leaves the scripts that are there.
$(COMPLETION): $(B)/completion.%: $(BIN)
	@$(abspath $(BIN)) completion $* >$@.$$$$ && mv $@.$$$$ $@ || { rm -f $@.$$$$; test -e $@; }

# The one file that sees the values.  Several configurations can share all other objects: what
# is made of each is in its BC.
$(BC)/core/conf.o: core/conf.c $(CONFIG) $(BC)/config.name $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DCONFIG_FILE='"$(CONFIG)"' -MMD -MP -c -o $@ $<

# What is wrong with the values themselves fails the build, by name.
$(BC)/config.ok: $(BC)/confcheck
	$(BC)/confcheck
	@touch $@

$(BC)/confcheck: $(B)/packaging/confcheck.o $(LIBQTOA)
	$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What is missing to build at all is said before a compiler stumbles.
$(B)/needs: FORCE
	@mkdir -p $(B)
	@packaging/needs.sh '$(CC)' $@ $(PKGS)

# Other flags or compiler: everything is built again.  Other modules: the archive.  Another CONFIG:
# what sees it.
$(B)/flags: $(B)/needs
$(B)/flags: NOW = $(CC) $(ALL_CFLAGS)
$(BC)/config.name: NOW = $(abspath $(CONFIG))
$(B)/modules: NOW = $(OBJS)
$(B)/flags $(B)/modules $(BC)/config.name: FORCE
	@mkdir -p $(@D)
	@echo '$(NOW)' | cmp -s - $@ || echo '$(NOW)' >$@

# Everything that must hold; its parts by themselves.
check:
	$(MAKE) -j $(JOBS) built
	$(MAKE) check-unit check-few-dates check-table check-docs check-e2e

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
	    'make check                every test; or check-unit, check-layers, check-table, check-e2e' \
	    'make check-san            the same under ASan and UBSan; check-tsan: FastCGI under TSan' \
	    'make check-dates          unit programs and models at other dates, in other time zones' \
	    'make lint                 shell, manuals, completions, units, the package' \
	    'make fuzz, torture        for as long as one likes' \
	    'make fresh                README.md on a Debian that nobody has touched' \
	    'make bench                how fast it is' \
	    'make clean                remove what was built' \
	    'Of all: B=DIRECTORY for objects, BIN=FILE for the program, CC=, CFLAGS=, SAN=address,undefined'

FORCE:
.PHONY: all built check check-san check-tsan clean help FORCE
-include $(wildcard $(patsubst %,$(B)/%.d,qtoa packaging/confcheck) $(OBJS:.o=.d) $(BC)/core/conf.d)
