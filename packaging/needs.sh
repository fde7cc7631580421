#!/bin/sh
#
# needs.sh CC STAMP LIBRARY...: says which libraries are missing or too old and which packages have
# them, so that the compiler does not fail without them.  LIBRARY is a name of pkg-config.  libfcgi has no
# such name everywhere, so a small program is compiled with it.  When nothing is missing, STAMP is
# made, and the next run compiles nothing.

set -eu

cc=$1
stamp=$2
shift 2

#	what		Debian, Ubuntu		Fedora, RHEL	Alpine		openSUSE
packages='
	make		make			make		make		make
	cc		gcc+libc6-dev		gcc		gcc+musl-dev	gcc
	pkg-config	pkgconf			pkgconf		pkgconf		pkgconf-pkg-config
	libfcgi		libfcgi-dev		fcgi-devel	fcgi-dev	FastCGI-devel
	libcurl		libcurl4-openssl-dev	libcurl-devel	curl-dev	libcurl-devel
	openssl		libssl-dev		openssl-devel	openssl-dev	libopenssl-devel
	nettle		nettle-dev		nettle-devel	nettle-dev	libnettle-devel
	jansson		libjansson-dev		jansson-devel	jansson-dev	libjansson-devel
	mxml		libmxml-dev		mxml-devel	mxml-dev	mxml-devel
	sqlite3		libsqlite3-dev		sqlite-devel	sqlite-dev	sqlite3-devel
	libpq		libpq-dev		libpq-devel	libpq-dev	postgresql-devel'

# The oldest versions that have all that is used.
oldest='
	libcurl		7.68.0
	openssl		1.1.1
	nettle		3.4
	jansson		2.12
	mxml		3.0
	sqlite3		3.34.0
	libpq		14.0'

missing=
old=

lacks() { # lacks NAME WHAT: reports one that is missing
	printf '%s\n' "$packages" | while read -r name debian fedora alpine _; do
		[ "$name" != "$1" ] ||
		    printf 'qtoa needs %s.  Debian, Ubuntu: %s; Fedora, RHEL: %s; Alpine: %s\n' \
		        "$2" "$debian" "$fedora" "$alpine" | tr + ' ' >&2
	done
	missing="$missing $1"
}

# Prints the missing packages of one distribution, as a shell needs them.
column() { # column NUMBER
	for name in $missing; do
		printf '%s\n' "$packages" | awk -v name="$name" -v n="$1" '$1 == name { printf " %s", $n }'
	done | tr + ' '
}

# Reports a library that is older than the oldest.
check_age() { # check_age LIBRARY
	least=$(printf '%s\n' "$oldest" | awk -v name="${1%4}" '$1 == name { print $2 }')
	pkg-config --atleast-version="$least" "$1" && return
	printf 'qtoa needs %s %s or later, and %s is installed.  %s\n' "${1%4}" "$least" \
	    "$(pkg-config --modversion "$1")" \
	    'Build on a newer system, or take the static program: it needs no library of the host.' >&2
	old="$old $1"
}

has_fcgi() {
	printf '#include <fcgiapp.h>\nint main(void) { return FCGX_IsCGI(); }\n' |
	    $cc -x c -o "$stamp.try" - -lfcgi >/dev/null 2>&1
}

if [ -e "$stamp" ] && command -v pkg-config >/dev/null && pkg-config --exists "$@"; then
	exit 0
fi
command -v make >/dev/null || lacks make make
if ! command -v "${cc%% *}" >/dev/null; then
	lacks cc "a C compiler: there is no $cc"
	missing="$missing libfcgi"	# without a compiler it cannot be looked for
elif ! has_fcgi; then
	lacks libfcgi 'libfcgi (fcgiapp.h)'
fi
if ! command -v pkg-config >/dev/null; then
	lacks pkg-config 'pkg-config: it finds the libraries'
	for library; do
		missing="$missing ${library%4}"
	done
else
	for library; do
		if pkg-config --exists "$library"; then
			check_age "$library"
		else
			lacks "${library%4}" "$library"
		fi
	done
fi
rm -f "$stamp.try"
if [ -n "$missing" ]; then
	if command -v apt-get >/dev/null; then
		printf 'As root: apt-get install --no-install-recommends%s\n' "$(column 2)"
	elif command -v dnf >/dev/null; then
		# What Fedora has at once, RHEL and its like have in these.
		[ ! -e /etc/redhat-release ] || [ -e /etc/fedora-release ] ||
		    printf 'As root: dnf install epel-release; dnf config-manager --set-enabled %s\n' \
		        'crb (version 8: powertools)'
		printf 'As root: dnf install%s\n' "$(column 3)"
	elif command -v yum >/dev/null; then
		printf 'As root: yum install epel-release; yum install%s\n' "$(column 3)"
	elif command -v apk >/dev/null; then
		printf 'As root: apk add%s\n' "$(column 4)"
	elif command -v zypper >/dev/null; then
		printf 'As root: zypper install%s\n' "$(column 5)"
	fi >&2
fi
[ -z "$missing$old" ] || exit 1
: >"$stamp"
