#!/bin/sh
#
# fetch.sh DIRECTORY ARCHITECTURE...: gets from Debian what the static programs are linked with, in
# the release of this host: DIRECTORY/ARCHITECTURE is a sysroot with headers and static libraries,
# DIRECTORY/curl is libcurl's source with Debian's patches.
#
# apt has lists, a cache and a configuration of its own in DIRECTORY/apt.  So this works for every
# user, and the host's architectures and packages stay as they are.

set -eu
export LC_ALL=C
umask 022

dir=$1
shift
top=$(mkdir -p "$dir" && cd "$dir" && pwd -P)
apt=$top/apt

# libzstd and zlib: OpenSSL 3.5 of Debian 13 needs them.
packages='libc6-dev libcrypt-dev libfcgi-dev libssl-dev nettle-dev libjansson-dev libmxml-dev
libsqlite3-dev libc-ares-dev zlib1g-dev libzstd-dev'

die() { # die WHAT REMEDY
	printf 'static: %s; %s\n' "$1" "$2" >&2
	exit 1
}

# Prints the sources of Debian itself that this host uses, as lines of sources.list.  Where apt has
# no lists yet, it does not know the origin, and the release's name must do.
sources() {
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
	    'Created-By: Packages' |
	    awk -v release="$release" '$4 == "Debian" || (NF < 4 || $4 ~ /^\$/) && index($2, release) {
	        print "deb", $1, $2, $3
	        print "deb-src", $1, $2, $3
	    }' | sort -u
}

write_conf() {
	mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/etc"
	: >"$apt/status"
	sources >"$apt/etc/sources.list"
	[ -s "$apt/etc/sources.list" ] || die 'apt on this host has no source of Debian' \
	    'name a Debian mirror in /etc/apt, then run: apt-get update'
	# The host's keys, proxies and mirrors stay in use, only its sources do not.
	cat >"$apt/conf" <<-END
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::State::extended_states "$apt/extended_states";
		Dir::Cache "$apt";
		Dir::Etc::sourcelist "$apt/etc/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Log "$apt";
		APT::Architecture "$1";
		APT::Architectures { $(printf '"%s"; ' "$@")};
		APT::Sandbox::User "";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "2";
	END
	# What the host does around its own updates is not for these lists.
	printf '#clear APT::Update::%s;\n' Pre-Invoke Post-Invoke Post-Invoke-Success >>"$apt/conf"
}

quietly() { # quietly COMMAND...: prints what it says only if it fails
	"$@" >"$apt/out" 2>&1 || {
		grep -a '^[EW]:' "$apt/out" >&2 || tail -n 20 "$apt/out" >&2
		die "cannot $1 $2" 'is there a network, and does /etc/apt name a Debian mirror?'
	}
}

# In Debian 13 one package has the kernel's headers for all architectures.
headers() { # headers ARCHITECTURE
	if apt-get -q --print-uris download "linux-libc-dev:$1" >/dev/null 2>&1; then
		echo "linux-libc-dev:$1"
	else
		echo linux-libc-dev
	fi
}

unpack() { # unpack ARCHITECTURE
	rm -rf "$apt/debs" "$top/$1.new"
	mkdir -p "$apt/debs" "$top/$1.new"
	# shellcheck disable=SC2046,SC2086 # one word for each package
	(cd "$apt/debs" && quietly apt-get -q download $(printf "%s:$1\n" $packages) "$(headers "$1")")
	for deb in "$apt"/debs/*.deb; do
		dpkg-deb -x "$deb" "$top/$1.new"
	done
	rm -rf "$apt/debs" "${top:?}/$1"
	mv "$top/$1.new" "$top/$1"
}

# A mirror can name a source that it does not have yet; then the one before it is taken.
download_curl() {
	for version in $(apt-cache showsrc curl | sed -n 's/^Version: //p' | sort -ruV); do
		apt-get -q --download-only source "curl=$version" >"$apt/out" 2>&1 && return
		printf 'static: the mirror does not have the source of curl %s\n' "$version" >&2
	done
	quietly apt-get -q --download-only source curl
}

unpack_curl() {
	rm -rf "$apt/source"
	mkdir "$apt/source"
	(cd "$apt/source" && download_curl && quietly dpkg-source -x ./*.dsc curl)
	rm -rf "$top/curl"
	mv "$apt/source/curl" "$top/curl"
	rm -r "$apt/source"
}

write_conf "$@"
export APT_CONFIG="$apt/conf"
quietly apt-get -q update
for arch; do
	unpack "$arch"
done
unpack_curl
