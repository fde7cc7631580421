# Installing, and what is handed to others: `make install`, `uninstall`, `dist`, `deb`.

# Where things go.  DESTDIR is put before all of them, for packages.
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
# Set: the program is there as qtoa.cgi as well.
CGIBINDIR ?=

# Whose the state is, and who may run the program: it contains what config.h says.
OWNER	  ?= www-data
GROUP	  ?=
MODE	  ?= 0750
# Whose members may connect to the sockets of systemd's units: the web server.
WEBGROUP  ?= www-data

# What was installed, for `make uninstall`; a package manager keeps its own list.
NOTED	  ?= $(DOCDIR)/installed

PLACES	  = DESTDIR BINDIR MANDIR DOCDIR SYSCONFDIR STATEDIR UNITDIR SYSUSERSDIR TMPFILESDIR \
	    BASHDIR ZSHDIR CGIBINDIR OWNER GROUP MODE WEBGROUP NOTED
PLACE	  = VERSION='$(V)' BIN='$(abspath $(BIN))' B='$(B)' $(foreach v,$(PLACES),$(v)='$($(v))') packaging/install.sh

install: $(BIN) $(COMPLETION)
	@$(PLACE) install

uninstall:
	@$(PLACE) uninstall

# FILE as it would be installed.
fill:
	@$(PLACE) fill $(FILE)

# qtoa-VERSION.tar.gz and .tar.xz, the same bytes from the same tree.
dist:
	@mkdir -p $(B)
	packaging/dist.sh $(V) $(B)

# A Debian package, with what CONFIG says in it.
deb: dist
	packaging/deb.sh $(V) $(B) $(abspath $(CONFIG))

# The tarball builds, passes the unit tests, installs and uninstalls.
UNPACKED  = $(abspath $(B))/distcheck/qtoa-$(V)
AGAIN	  = $(MAKE) -C $(UNPACKED) B=build BIN=qtoa CONFIG=config.h \
	    DESTDIR=$(abspath $(B))/distcheck/root

distcheck: dist
	rm -rf $(B)/distcheck && mkdir -p $(B)/distcheck
	tar -C $(B)/distcheck -xzf $(B)/qtoa-$(V).tar.gz
	+$(AGAIN) -j $(JOBS) all
	+$(AGAIN) check-unit
	+$(AGAIN) install
	+$(AGAIN) uninstall
	rm -rf $(B)/distcheck

.PHONY: fill install uninstall dist deb distcheck
