#!/bin/sh
#
# deb.sh VERSION DIRECTORY CONFIG: builds the Debian package from the tarball in DIRECTORY, and puts
# it there.  Only its owner may read the package, since the values of CONFIG are in it.

set -eu
export LC_ALL=C

version=$1
out=$(cd "$2" && pwd)
config=$3
work=$out/deb

command -v dpkg-buildpackage >/dev/null || {
	printf 'make deb needs: apt-get install --no-install-recommends build-essential debhelper\n' >&2
	exit 1
}
said=$(dpkg-parsechangelog -S Version)
[ "$said" = "$version" ] || {
	printf 'make deb: debian/changelog has version %s, the Makefile %s; make them equal\n' \
	    "$said" "$version" >&2
	exit 1
}

# No copy of a configuration stays behind, and nobody can read one in the meantime.
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
rm -rf "$work"
mkdir -m 0700 "$work"
tar -C "$work" -xzf "$out/qtoa-$version.tar.gz"
cp "$config" "$work/config.h"
cd "$work/qtoa-$version"
# The package must not get the variables that make has passed to this script.
env -i PATH="$PATH" HOME="$work" LC_ALL=C QTOA_CONFIG="$work/config.h" \
    DEB_BUILD_OPTIONS="noautodbgsym nocheck parallel=$(nproc)" \
    dpkg-buildpackage -b -us -uc >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
for package in "$work"/*.deb; do
	install -m 0600 "$package" "$out/"
	printf '%s\n' "$out/${package##*/}"
done
