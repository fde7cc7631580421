# Programs that need nothing of the host they run on: `make static`.  They are linked from the static
# libraries of this host's Debian release and from a libcurl built from Debian's source.  All that
# is fetched and built for them is in STATIC, what is made of CONFIG is in STATIC_OUT.

STATIC	  ?= $(B)/static
STATIC_OUT ?= $(STATIC)
STATIC_CPUS = x86_64 aarch64
STATIC_BINS = $(STATIC_CPUS:%=$(STATIC_OUT)/qtoa-%)
# Debian's names of them.
debian_x86_64 = amd64
debian_aarch64 = arm64

# The machine that builds them; it also checks the configuration for the others.
STATIC_HOST = $(call once,STATIC_HOST,uname -m)

# $(call static_make,CPU): makes the program for that machine.  The linker warns where glibc would
# load a library when the program runs: no such call may stay.
static_root = $(abspath $(STATIC))/$(debian_$1)
static_make = PKG_CONFIG_LIBDIR=$(static_root)/usr/lib/$1-linux-gnu/pkgconfig \
	      PKG_CONFIG_SYSROOT_DIR=$(static_root) $(MAKE) --no-print-directory B=$(STATIC)/$1 \
	      BC=$(STATIC_OUT)/$1 BIN=$(STATIC_OUT)/$1/qtoa CONFIG='$(CONFIG)' SAN= AR=$1-linux-gnu-ar \
	      CC='$1-linux-gnu-gcc --sysroot=$(static_root) -static-pie' PIE= PKG_STATIC=--static \
	      POSTGRES=0 BUILD_CC='$(CC)' \
	      LDFLAGS=-Wl,--fatal-warnings,--wrap=dlopen EXTRA=$(STATIC)/$1/packaging/static/libc.o \
	      CONFCHECK=$(STATIC_OUT)/$(STATIC_HOST)/confcheck $(STATIC_OUT)/$1/qtoa

static:
	@$(MAKE) --no-print-directory -j $(JOBS) $(STATIC_CPUS:%=$(STATIC)/%.libs)
	@$(MAKE) --no-print-directory -j $(JOBS) $(STATIC_OUT)/qtoa-$(STATIC_HOST)
	@$(MAKE) --no-print-directory -j $(JOBS) $(STATIC_BINS)

$(STATIC_BINS): $(STATIC_OUT)/qtoa-%: $(STATIC)/%.libs FORCE
	@mkdir -p $(STATIC_OUT)
	@+$(call static_make,$*)
	@ln -f $(STATIC_OUT)/$*/qtoa $@

$(STATIC)/fetched: packaging/static/fetch.sh
	@rm -f $@
	packaging/static/fetch.sh $(STATIC) $(foreach c,$(STATIC_CPUS),$(debian_$c))
	@touch $@

$(STATIC)/configured: packaging/static/curl.sh $(STATIC)/fetched
	@rm -f $@
	packaging/static/curl.sh configure $(STATIC)/curl $(call static_root,$(STATIC_HOST)) \
	    $(STATIC_HOST)-linux-gnu
	@touch $@

# libcurl gets the flags that the program gets.  libfcgi is to read with the program's own OS_Read
# (server/request.c), which is weak; so the library's must be, too.
$(STATIC_CPUS:%=$(STATIC)/%.libs): $(STATIC)/%.libs: $(STATIC)/configured
	packaging/static/curl.sh build $(STATIC)/curl $(call static_root,$*) $*-linux-gnu \
	    "-O2 -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
	    $$(packaging/flags.sh $*-linux-gnu-gcc $(TRIED))"
	$*-linux-gnu-objcopy --weaken-symbol=OS_Read \
	    $(call static_root,$*)/usr/lib/$*-linux-gnu/libfcgi.a
	@touch $@

# What others can run without a compiler: beside the tarball, with a configuration that reads its
# values from the environment, without the symbols of debuggers, and with checksums.
PUBLISHED ?= $(firstword $(wildcard examples/config-env.h) demo/config.h)
DIST	   = $(STATIC_CPUS:%=$(B)/qtoa-$(V)-linux-%)

published:
	@$(MAKE) --no-print-directory static STATIC=$(STATIC) STATIC_OUT=$(STATIC)/published \
	    CONFIG=$(PUBLISHED)

$(DIST): $(B)/qtoa-$(V)-linux-%: published
	@$*-linux-gnu-strip -o $@ $(STATIC)/published/qtoa-$*
	@chmod 755 $@

dist: tarball $(DIST)
	cd $(B) && sha256sum qtoa-$(V).tar.?z $(notdir $(DIST)) >SHA256SUMS

# The same programs as an image for containers, with the certificates of this host.
IMAGE	  ?= $(B)/qtoa-$(V).oci.tar
IMAGE_CA  ?= /etc/ssl/certs/ca-certificates.crt
IMAGE_BINS ?= $(DIST)
# Their names end in -CPU.
image_cpu  = $(lastword $(subst -, ,$1))

image: $(IMAGE_BINS)
	packaging/image.sh $(V) $(IMAGE) $(IMAGE_CA) \
	    $(foreach f,$(IMAGE_BINS),$(debian_$(call image_cpu,$f))=$f)

.PHONY: static published dist image
