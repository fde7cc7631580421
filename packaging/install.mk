# Installing and packing: `make install`, `uninstall`, `tarball`, `deb`.

# Where files go.  DESTDIR is put before all paths, for packages.
DESTDIR	  ?=
PREFIX	  ?= /usr/local
BINDIR	  ?= $(PREFIX)/bin
MANDIR	  ?= $(PREFIX)/share/man
DOCDIR	  ?= $(PREFIX)/share/doc/qtoa
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
STATEDIR  ?= /var/lib/qtoa
UNITDIR	  ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR	  ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR	  ?= $(PREFIX)/share/zsh/site-functions
# If set, a copy of the program is placed there as qtoa.cgi.
CGIBINDIR ?=

# The owner of the state, and who may run the program, which contains the values of config.h.
OWNER	  ?= www-data
GROUP	  ?=
MODE	  ?= 0750
# The group that may connect to the sockets of systemd's units: the web server's.
WEBGROUP  ?= www-data

# A program that was built elsewhere, as by `make dist`: it is installed instead of BIN, and nothing
# is built.
PROGRAM	  ?=

# The list of installed files, for `make uninstall`.  A package manager has its own list.
NOTED	  ?= $(DOCDIR)/installed

PLACES	  = DESTDIR BINDIR MANDIR DOCDIR SYSCONFDIR STATEDIR UNITDIR SYSUSERSDIR TMPFILESDIR \
	    BASHDIR ZSHDIR CGIBINDIR OWNER GROUP MODE WEBGROUP NOTED
PLACE	  = VERSION='$(V)' BIN='$(abspath $(or $(PROGRAM),$(BIN)))' B='$(B)' \
	    $(foreach v,$(PLACES),$(v)='$($(v))') packaging/install.sh

install: $(if $(PROGRAM),completion,$(BIN) $(COMPLETION))
	@$(PLACE) install

# The scripts that COMPLETION names, made by PROGRAM.
completion: $(PROGRAM)
	@mkdir -p $(B)
	@for shell in bash zsh; do \
	    $(abspath $(PROGRAM)) completion $$shell >$(B)/completion.$$shell || exit 1; done

uninstall:
	@$(PLACE) uninstall

# Prints FILE as it would be installed.
fill:
	@$(PLACE) fill $(FILE)

# qtoa-VERSION.tar.gz and .tar.xz; the same tree gives the same bytes.
tarball:
	@mkdir -p $(B)
	packaging/dist.sh $(V) $(B)

# A Debian package, which contains the values of CONFIG.
deb: tarball
	packaging/deb.sh $(V) $(B) $(abspath $(CONFIG))

# Checks that the tarball builds, passes the unit tests, installs and uninstalls.
UNPACKED  = $(abspath $(B))/distcheck/qtoa-$(V)
AGAIN	  = $(MAKE) -C $(UNPACKED) B=build BIN=qtoa CONFIG=config.h \
	    DESTDIR=$(abspath $(B))/distcheck/root

distcheck: tarball
	rm -rf $(B)/distcheck && mkdir -p $(B)/distcheck
	tar -C $(B)/distcheck -xzf $(B)/qtoa-$(V).tar.gz
	+$(AGAIN) -j $(JOBS) all
	+$(AGAIN) check-unit
	+$(AGAIN) install
	+$(AGAIN) uninstall
	rm -rf $(B)/distcheck

.PHONY: completion fill install uninstall tarball deb distcheck
