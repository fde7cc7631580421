#!/bin/sh
#
# curl.sh configure SOURCE SYSROOT TRIPLE
# curl.sh build SOURCE SYSROOT TRIPLE CFLAGS
#
# libcurl for the static programs, in SYSROOT: HTTP and HTTPS alone; Debian's own static libcurl wants
# LDAP and Kerberos.  It asks getaddrinfo() for names, which is that of libc.c here, in a thread.
# (If libcurl called c-ares by itself, each handle would keep 80 KiB for it.)  What configure finds
# is the same for all architectures, so it runs once.

set -eu
export LC_ALL=C

verb=$1
source=$(cd "$2" && pwd -P)
sysroot=$(cd "$3" && pwd -P)
triple=$4
cc="$triple-gcc --sysroot=$sysroot"
libdir=$sysroot/usr/lib/$triple
work=$sysroot.curl

off='ftp file ldap ldaps rtsp dict telnet tftp pop3 imap smb smtp gopher mqtt manual ntlm tls-srp
cookies doh mime alt-svc headers-api hsts websockets libcurl-option dependency-tracking shared
ares unix-sockets'
without='zlib brotli zstd libpsl libidn2 nghttp2 librtmp libssh2 libgsasl ca-bundle ca-path'

# curl_config.h is among the sources then, where they look for it.
configure() {
	export PKG_CONFIG_LIBDIR="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$sysroot"
	# shellcheck disable=SC2046,SC2086 # words of their own
	"$source/configure" --host="$triple" --with-openssl --enable-threaded-resolver \
	    $(printf -- '--disable-%s ' $off) $(printf -- '--without-%s ' $without) \
	    CC="$cc -static-pie" CFLAGS=-O2 \
	    LIBS="$(pkg-config --static --libs-only-l openssl) -lpthread"
	# libcurl 8 wants this among the flags; it takes it from here as well.
	! grep -q -e '^CPPFLAGS =.* -D_GNU_SOURCE' lib/Makefile ||
	    echo '#define _GNU_SOURCE 1' >>lib/curl_config.h
	cp lib/curl_config.h "$source/lib/curl_config.h"
}

compile() { # compile FILE...
	for file; do
		name=${file#"$source/lib/"}
		# shellcheck disable=SC2086 # words of their own
		$cc $cflags -w -DHAVE_CONFIG_H -DBUILDING_LIBCURL -DCURL_STATICLIB \
		    -I"$source/include" -I"$source/lib" -c -o "$(echo "${name%.c}.o" | tr / -)" "$file"
	done
}

pc() {
	cat <<-END
		Name: libcurl
		Description: HTTP and HTTPS alone
		Version: $(sed -n 's/^#define LIBCURL_VERSION "\(.*\)"/\1/p' "$source/include/curl/curlver.h")
		Libs: -lcurl
		Requires.private: openssl libcares
		Cflags: -DCURL_STATICLIB
	END
}

build() {
	# shellcheck disable=SC2046 # a word for each file
	compile $(find "$source/lib" -name '*.c')
	mkdir -p "$sysroot/usr/include/curl"
	cp "$source"/include/curl/*.h "$sysroot/usr/include/curl"
	pc >"$libdir/pkgconfig/libcurl.pc"
	"$triple-ar" rcs libcurl.a ./*.o
	mv libcurl.a "$libdir/libcurl.a"
}

rm -rf "$work"
mkdir "$work"
cd "$work"
cflags=${5:-}
# The end tells of a failure, so that each command's failure ends it.
end() {
	rc=$?
	[ $rc = 0 ] && rm -r "$work" && return
	tail -n 30 "$work/out" >&3
	printf 'static: libcurl for %s: %s failed; all that it said is in %s\n' "$triple" "$verb" \
	    "$work/out" >&3
	exit $rc
}
exec 3>&2 >"$work/out" 2>&1
trap end EXIT
$verb
