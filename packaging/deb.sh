#!/bin/sh
#
# deb.sh VERSION DIRECTORY CONFIG: the Debian package, built below DIRECTORY from its tarball, is
# put there.  Only its owner may read it: what CONFIG says is in it.

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
	printf 'make deb: debian/changelog is at %s, the Makefile at %s\n' "$said" "$version" >&2
	exit 1
}

# Nothing of a configuration stays behind, and none can be read meanwhile.
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
rm -rf "$work"
mkdir -m 0700 "$work"
tar -C "$work" -xzf "$out/qtoa-$version.tar.gz"
cp "$config" "$work/config.h"
cd "$work/qtoa-$version"
# make's own variables are the caller's, not the package's.
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
