# For GNU make; `make help` lists the targets.

# No rules but ours: make would look for one of its own for each header, half of its time.
.SUFFIXES:

CONFIG	?= config.h
B	?= build
BC	?= $(B)
BIN	?= qtoa
SAN	?=
CC	?= cc
# Makes what runs while the program is built, where CC is for another machine.
BUILD_CC ?= $(CC)
PYTHON	?= /usr/bin/python3
JOBS	?= 2
V	 = 0.1

# $(call once,NAME,COMMAND) runs the command when its output is first needed, and keeps the output.
# mxml 4 has another name than mxml 3.
once	 = $(eval $1 := $$(shell $2))$($1)
MXML_PC	 = $(call once,MXML_PC,pkg-config --exists mxml4 2>/dev/null && echo mxml4 || echo mxml)
# 0: without libpq, and so without a store on PostgreSQL; so it is also where libpq is older than 14.
LIBPQ	 = $(patsubst %,%/libpq-fe.h,/usr/include/postgresql /usr/include /usr/local/include)
POSTGRES ?= $(call once,POSTGRES,grep -qs LIBPQ_HAS_PIPELINING $(LIBPQ) && echo 1 || echo 0)
PKGS	 = libcurl openssl nettle jansson $(MXML_PC) sqlite3 $(if $(filter-out 0,$(POSTGRES)),libpq)
PKG_CFLAGS = $(call once,PKG_CFLAGS,pkg-config --cflags $(PKGS))
PKG_LIBS = $(call once,PKG_LIBS,pkg-config $(PKG_STATIC) --libs $(PKGS))
CFLAGS	?= -O2 -g
WARN	 = -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes \
	   -Wmissing-prototypes -Werror
# What this compiler and its target have of these; the second and third are of x86 and arm64.
TRIED	 = -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard
HARD_CC	 = $(call once,HARD_CC,packaging/flags.sh '$(CC)' $(TRIED))
PIE	?= -pie
HARD	 = -fPIE -fstack-protector-strong $(HARD_CC)
LDHARD	 = $(PIE) -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifeq ($(SAN),)
# Where the compiler or the C library has no 3, this is 2.
HARD	+= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
else
HARD	+= -fsanitize=$(SAN) -fno-omit-frame-pointer
LDHARD	+= -fsanitize=$(SAN)
endif
ALL_CFLAGS = -std=c11 -D_XOPEN_SOURCE=700 -DQTOA_VERSION='"$(V)"' -DQTOA_POSTGRES=$(POSTGRES) -I. $(WARN) \
	     $(HARD) $(CFLAGS) $(PKG_CFLAGS)
LDLIBS	 = -lfcgi $(PKG_LIBS) -lpthread
# One file, whose name make can handle.
ifneq ($(words $(CONFIG)),1)
$(error CONFIG is "$(CONFIG)"; name one file, and no blanks in its path)
endif
# The values of CONFIG are in some files.  Only their owner may read these, whatever the umask.
PRIVATE	 = umask 077 && rm -f $@
LINK	 = $(PRIVATE) && $(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@

# Objects that only some programs are linked with, and what checks the values of CONFIG: a program
# for another machine has one of this machine do it.  packaging/static.mk sets both.
EXTRA	?=
CONFCHECK ?= $(BC)/confcheck

# The rooms, and every module in them; a new file needs no change here.  tests/layers/table says
# which room may include which.
ROOMS	 = core net state wechat relay forwarder reply collector report monitor server cli
WITHOUT	 = qtoa.c $(if $(filter 0,$(POSTGRES)),state/postgres/%)
SOURCES	 = $(filter-out $(WITHOUT),$(wildcard *.c $(ROOMS:%=%/*.c) $(ROOMS:%=%/*/*.c)))
MADE	 = cli/completion report/sql report/style
# What is made for each configuration, and for where it is installed; all else is shared.
OWN	 = core/conf cli/environment
OBJS	 = $(patsubst %,$(B)/%.o,$(filter-out $(OWN),$(SOURCES:%.c=%) $(MADE)))
# Everything but qtoa.o, for the program, its tests and its benchmarks.
LIBQTOA	 = $(OWN:%=$(BC)/%.o) $(B)/libqtoa.a
CONFTEXT = $(B)/packaging/conftext
COMPLETION = $(B)/completion.bash $(B)/completion.zsh

all: $(BIN) $(COMPLETION)

# CONFIG is compiled first: what is wrong with it is known at once.
$(BIN): $(BC)/core/conf.o $(B)/qtoa.o $(EXTRA) $(LIBQTOA) $(BC)/config.ok
	$(LINK).new $(B)/qtoa.o $(EXTRA) $(LIBQTOA) $(LDLIBS)
	@mv $@.new $@

$(B)/libqtoa.a: $(OBJS) $(B)/modules
	@rm -f $@
	$(AR) rcs $@ $(OBJS)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The file that systemd's units have the environment from, as `make install` places it.
ENVIRONMENT = $(SYSCONFDIR)/qtoa/environment
$(BC)/cli/environment.o: cli/environment.c $(BC)/environment.name $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DENVIRONMENT_FILE='"$(ENVIRONMENT)"' -MMD -MP -c -o $@ $<

# The style sheet of the report's page, as C.
$(B)/report/style.c: report/style.sh report/page.css $(B)/flags
	@mkdir -p $(@D)
	report/style.sh report/page.css >$@.new
	mv $@.new $@

# The SQL statements of the report's questions, as C.
SQL	 = $(wildcard report/sql/*.sql)
$(B)/report/sql.c: report/sql.sh report/sql/postgres.sed $(SQL) $(wildcard report/sql/*/*.sql) \
    $(B)/flags
	@mkdir -p $(@D)
	report/sql.sh $(SQL) >$@.new && mv $@.new $@

# The scripts that make a shell complete qtoa's verbs, as C.
$(B)/cli/completion.c: cli/completion.sh cli/completion.bash cli/completion.zsh $(B)/flags
	@mkdir -p $(@D)
	cli/completion.sh cli/completion.bash cli/completion.zsh >$@.new && mv $@.new $@

$(MADE:%=$(B)/%.o): $(B)/%.o: $(B)/%.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The output of `qtoa completion`, for `make install`.  A program for another machine cannot run
# here; the scripts that exist already stay then.
$(COMPLETION): $(B)/completion.%: $(BIN)
	@$(abspath $(BIN)) completion $* >$@.$$$$ && mv $@.$$$$ $@ || { rm -f $@.$$$$; test -e $@; }

# The only file that includes the values.  Several configurations can share all other objects; what
# is made for each of them is in its BC.  If the compiler refuses the file, conftext says in a line
# what to write, instead of all that the compiler says.  Of the encoding conftext has said enough.
$(BC)/core/conf.o: core/conf.c $(CONFIG) $(BC)/config.text $(BC)/config.name $(B)/flags
	@mkdir -p $(@D)
	$(PRIVATE) && if LC_ALL=C $(CC) $(ALL_CFLAGS) -Wno-invalid-source-encoding \
	    -DCONFIG_FILE='"$(CONFIG)"' -MMD -MP -c -o $@ $< 2>$(BC)/config.err; \
	then cat $(BC)/config.err >&2; rm -f $(BC)/config.err; \
	else $(CONFTEXT) $(CONFIG) $(BC)/config.err; exit 1; fi

# A file that cannot be read, or is in another encoding, is reported before the compiler reads it.
$(BC)/config.text: $(CONFIG) $(CONFTEXT) $(BC)/config.name
	@mkdir -p $(@D)
	@$(CONFTEXT) $(CONFIG)
	@touch $@

# Where there is no such file, conftext says so.
$(CONFIG): | $(CONFTEXT)
	@$(CONFTEXT) $@

# It is not linked with the program: it must say what is wrong before anything else is built.
$(CONFTEXT): packaging/conftext.c packaging/conf_mistake.c packaging/conf_lexer.c \
    $(B)/packaging/conf_fields.c core/nearest.c core/utf8.c \
    packaging/conf_mistake.h packaging/conf_lexer.h packaging/conf_fields.h core/nearest.h
	$(BUILD_CC) -std=c11 -D_XOPEN_SOURCE=700 -I. $(WARN) -O1 -o $@ $(filter %.c,$^)

# The names of all fields, as C.
$(B)/packaging/conf_fields.c: packaging/conf_fields.sh core/conf.h | $(B)/needs
	@mkdir -p $(@D)
	packaging/conf_fields.sh core/conf.h >$@.new && mv $@.new $@

# The build fails if a value is wrong, and names the value.  It warns of what is probably wrong.
$(BC)/config.ok: $(CONFCHECK) $(BC)/config.name
	$(CONFCHECK) $(CONFIG)
	@touch $@

CONFCHECK_OBJS = $(addprefix $(B)/packaging/,confcheck.o conf_mistake.o conf_lexer.o conf_fields.o)

$(B)/packaging/conf_fields.o: $(B)/%.o: $(B)/%.c $(B)/flags
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BC)/confcheck: $(CONFCHECK_OBJS) $(EXTRA) $(LIBQTOA)
	$(LINK) $^ $(LDLIBS)

# Missing libraries are reported before the compiler fails without them.
$(B)/needs: FORCE
	@mkdir -p $(B)
	@packaging/needs.sh '$(CC)' $@ $(PKGS)

# These files change when the flags or the compiler change (then everything is built again), when
# the list of modules changes (the archive), when SYSCONFDIR changes, or when CONFIG changes (what
# includes it).
$(B)/flags: $(B)/needs
$(B)/flags: NOW = $(CC) $(ALL_CFLAGS)
$(BC)/config.name: NOW = $(abspath $(CONFIG))
$(B)/modules: NOW = $(OBJS:$(B)/%=%)
$(BC)/environment.name: NOW = $(ENVIRONMENT)
$(B)/flags $(B)/modules $(BC)/environment.name $(BC)/config.name: FORCE
	@mkdir -p $(@D)
	@echo '$(NOW)' | cmp -s - $@ || echo '$(NOW)' >$@

# All tests.  Each part of them has a target of its own.  Those of other dates, and those of
# servers, mostly wait, so they run beside the long part, and what they say comes after it.
check:
	$(MAKE) -j $(JOBS) built
	$(MAKE) check-unit check-table check-docs
	@$(MAKE) check-few-dates check-cluster >$(B)/dates.txt 2>&1 & \
	    $(MAKE) check-e2e; e2e=$$?; wait $$!; dates=$$?; cat $(B)/dates.txt; \
	    [ $$e2e = 0 ] && [ $$dates = 0 ]

# All that the program does under sanitizers, and those with threads under TSan.  At -O2 the compiler needs three
# times as long, and the sanitizers find no more.
SAN_CFLAGS = -O1 -g1
ASAN	   = B=$(B)-asan BIN=$(B)-asan/qtoa SAN=address,undefined CFLAGS='$(SAN_CFLAGS)'
check-san:
	$(MAKE) -j $(JOBS) built $(ASAN)
	$(MAKE) check-programs check-table check-e2e $(ASAN) E2E_JOBS=3

# Tests with all kinds of threads: workers, maintenance, relays, alerts, and the one that asks WeChat.
THREADED   = $(addprefix tests/e2e/test_,fcgi.py relays.py alert.py wechat_only.py token.py \
	     $(addprefix followers.py::test_,new_followers a_silent_wechat))
check-tsan:
	$(MAKE) -j $(JOBS) $(B)-tsan/qtoa B=$(B)-tsan BIN=$(B)-tsan/qtoa SAN=thread \
	    CFLAGS='$(SAN_CFLAGS)'
	$(MAKE) check-e2e B=$(B)-tsan BIN=$(B)-tsan/qtoa SAN=thread CFLAGS='$(SAN_CFLAGS)' \
	    E2E_ARGS='$(E2E_ARGS) $(THREADED)'

include packaging/install.mk packaging/manuals.mk packaging/static.mk $(wildcard tests/*/*.mk bench/*.mk)

# All that the tests run.
built: $(BIN) $(UNIT_BINS) $(MODELS) $(CLUSTER)

clean:
	rm -rf build build-asan build-tsan $(B) $(BIN)

help:
	@printf '%s\n' \
	    'make [CONFIG=/path/my.h]  build the program, with the accounts of that file' \
	    'make install              install it; OWNER=, PREFIX= ...: see packaging/install.mk' \
	    'make uninstall            remove the installed files; the state stays' \
	    'make deb                  make a Debian package' \
	    'make static               build programs that need nothing of the host, for x86-64 and arm64' \
	    'make check-static         test them; the first time it builds them' \
	    'make tarball              make a tarball; distcheck: check that it builds' \
	    'make dist                 make the tarball, static programs and their checksums' \
	    'make image                make an image for containers from the static programs' \
	    'make check                run all tests; or check-unit, check-layers, check-table, check-e2e' \
	    'make check-san            the same under ASan and UBSan; check-tsan: FastCGI under TSan' \
	    'make check-cluster        the store on real PostgreSQL servers' \
	    'make check-dates          unit programs and models at other dates, in other time zones' \
	    'make manuals              write the settings into manuals and pages, in both languages' \
	    'make lint                 check shell, manuals, completions, units and the package' \
	    'make fuzz, torture        run them as long as you like' \
	    'make fresh                do what the documents say on a new Debian' \
	    'make screenshots          make the pictures of README.md' \
	    'make bench                measure how fast it is' \
	    'make clean                remove all that was built' \
	    'All take: B=DIRECTORY for objects, BIN=FILE for the program, CC=, CFLAGS=,' \
	    '          SAN=address,undefined'

FORCE:
.PHONY: all built check check-san check-tsan clean help FORCE
-include $(wildcard $(B)/qtoa.d $(CONFCHECK_OBJS:.o=.d) $(OBJS:.o=.d) $(OWN:%=$(BC)/%.d))
