#!/bin/sh
#
# fresh.sh SUITE WAY TARBALL DIRECTORY: boots a new Debian (bookworm, trixie) in a container, and runs
# the commands of README.md there, as root, from the unpacked tarball, in one way:
#
#	lighttpd, apache, nginx, caddy	make install; nginx and Caddy with systemd's sockets
#	proxy, cgi			Apache with that block of its example file
#	spawn				nginx with spawn-fcgi
#	package				the Debian package, and nginx
#	setup, check			./setup demo, ./setup check
#	account-SERVER			./setup account --answers, with one of the four servers
#
# Only the user's own values are filled in: the account and the name of the host.  Then it checks the
# results that README.md promises, once more after a reboot, and which files are left after the
# program is uninstalled.  Standard output is the transcript; DIRECTORY holds the machine.
#
# It needs root, debootstrap, systemd-container, a Debian mirror (MIRROR), and the ports 80 and 443,
# because the machine shares the network of its host.  NSPAWN may name another systemd-nspawn.

set -eu
export LC_ALL=C

suite=$1
way=$2
tarball=$3
: "${NSPAWN:=systemd-nspawn}" "${MIRROR:=http://deb.debian.org/debian}"

mkdir -p "$4"
top=$(cd "$4" && pwd)
root=$top/$suite-$way
host=127.0.0.1
nspawn=
failed=0

die() { # die WHAT REMEDY
	printf 'fresh: %s. %s\n' "$1" "$2" >&2
	exit 1
}

#
# The machine.
#

# Makes the base system once for each suite; remove the file to make it again.
make_base() {
	[ -e "$top/$suite.tar" ] && return
	rm -rf "$root"
	debootstrap "$suite" "$root" "$MIRROR" >"$top/$suite.log" 2>&1 ||
	    die "debootstrap cannot get $suite from $MIRROR" "$top/$suite.log says why."
	rm -f "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" -cf "$top/$suite.tar.new" .
	mv "$top/$suite.tar.new" "$top/$suite.tar"
}

# Keeps the packages, so that they are fetched once.  apt gets the answer yes to its questions.
unpack() {
	rm -rf "$root"
	mkdir -p "$root" "$top/apt-$suite/partial"
	tar -C "$root" -xf "$top/$suite.tar"
	cat >"$root/etc/apt/apt.conf.d/90fresh" <<-END
		APT::Get::Assume-Yes "true";
		APT::Keep-Downloaded-Packages "true";
		Dpkg::Use-Pty "false";
		quiet "2";
	END
	mkdir "$root/root/qtoa"
	tar -C "$root/root/qtoa" -xzf "$tarball" --strip-components=1 --no-same-owner
}

inside() { # inside COMMAND: runs it as root, in the directory of the tarball
	nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER= \
	    sh -c "cd /root/qtoa && $1" </dev/null
}

boot() {
	# The host may not run systemd, so the machine is not registered there.
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 "$NSPAWN" -q -b -D "$root" --register=no --keep-unit \
	    --bind="$top/apt-$suite:/var/cache/apt/archives" >"$top/$suite-$way.boot" 2>&1 </dev/null &
	nspawn=$!
	await_boot
}

await_boot() { # waits until systemd has started all units
	for _ in $(seq 300); do
		sleep 0.2
		kill -0 "$nspawn" 2>/dev/null || break
		leader=$(pgrep -P "$nspawn" -x systemd) || continue
		# "degraded" is good enough, since some units of Debian cannot work in a container.
		case $(inside 'systemctl is-system-running' 2>&1) in
		running | degraded) return ;;
		esac
	done
	die "$suite does not boot" "$top/$suite-$way.boot says why."
}

# An orderly shutdown, as with the power button.
shut_down() {
	[ -n "$nspawn" ] || return 0
	kill "$nspawn" 2>/dev/null || :
	wait "$nspawn" || :
	nspawn=
}

reboot() {
	printf '\n# reboot\n'
	shut_down
	boot
}

finish() {
	trap '' INT TERM HUP
	shut_down
	rm -rf "$root"
}

#
# Commands, and their expected results.
#

fail() { # fail WHAT
	printf '!! %s\n' "$1"
	failed=$((failed + 1))
}

run() { # run COMMAND: prints its output, without the compiler's command lines
	printf '\n# %s\n' "$1"
	status=0
	inside "$1" >"$top/said" 2>&1 || status=$?
	grep -v '^cc ' "$top/said" || :
	[ "$status" = 0 ] || printf '(exit status %s)\n' "$status"
}

must() { # must COMMAND: runs it, and it must succeed
	run "$1"
	[ "$status" = 0 ] || fail "$1"
}

expect() { # expect PATTERN COMMAND: it must succeed and print the pattern
	must "$2"
	grep -q -e "$1" "$top/said" || fail "there is no \"$1\""
}

# Prints a block of code of README.md: the first, or the NUMBERth, below the line that begins so.
block() { # block LINE [NUMBER]
	awk -v start="$1" -v number="${2:-1}" '
	!below { below = index($0, start) == 1; next }
	/^    / {
		if (!code)
			blocks++
		code = 1
		if (blocks == number) {
			print substr($0, 5)
			found = 1
		}
		next
	}
	{ code = 0 }
	/^[#*]/ { exit }
	END { exit !found }' "$root/root/qtoa/README.md"
}

follow() { # follow LINE [NUMBER]: runs the commands of that block
	block "$@" >"$top/block" ||
	    die "README.md has no commands below \"$1\"" 'They are named in tests/fresh/fresh.sh.'
	while IFS= read -r line <&3; do
		case $line in
		# Its QT is the collector of a web server that does not run yet, so it may fail.
		'qtoa check') run "$line" ;;
		*) must "$line" ;;
		esac
	done 3<"$top/block"
}

#
# The user's own values.
#

# The token goes into a file, but not with the package, whose user could not read that file.
configure() {
	must './setup install'
	follow '**1. Fields' 1
	follow '**1. Fields' 2
	must 'printf qtoaDemoToken >/etc/qtoa/token'
	must "sed -i -e 's|\"demo\"|\"shop\"|' /etc/qtoa/config.h"
	[ "$way" = package ] || must "sed -i 's|\"qtoaDemoToken\"|\"@/etc/qtoa/token\"|' /etc/qtoa/config.h"
}

# Turns blocks of an example file off and on, as the head of the file explains.
switch() { # switch FILE OFF ON
	must "sed -i -e '/^# ---- $2:/,/^# ----\$/s/^[^#]/#&/' -e '/^# ---- $3:/,/^# ----\$/s/^#\\([^ ]\\)/\\1/' $1"
}

#
# The results that README.md promises.
#

get() { # get PATTERN PATH: asks the web server; the answer must have the pattern
	expect "$1" "curl -sS -w '%{http_code}\\n' http://$host/qtoa/$2"
}

send() { # send MESSAGE: runs README.md's command with that message
	expect '^200 success' "$(block '**4. Try' | sed -e "s|https://HOST|http://$host|" -e "s|2-menu-click|$1|")"
}

# Waits for the web server: the commands that start or reload it return earlier.
await_server() {
	inside "curl -fsS -o /dev/null --retry 20 --retry-delay 1 --retry-max-time 10 --retry-all-errors \
	    http://$host/qtoa/-/health 2>/dev/null" || fail "the web server on $host has no qtoa"
}

prove() {
	await_server
	expect '^0 failed' 'qtoa check'
	send 2-menu-click
	get '^200$' -/health
	expect '^qtoa_' "curl -sS http://$host/qtoa/-/metrics | grep -v '^#' | grep -v ' 0\$' | head -n 5"
	expect '^well' 'qtoa status'
	expect 'menu_click  *1 ' 'qtoa report days --from 2025-01-01 --to 2025-01-01'
	reboot
	await_server
	send 3-text
	get '^200$' -/health
	expect '^well' 'qtoa status'
}

# Lists files with our name, and processes and units that run; none may be left but those of the
# pattern and of /run, which is emptied at the next boot.
left() { # left PATTERN: the files that may be left
	run "find / /run /tmp -xdev -path /root -prune -o -name '*qtoa*' -print | sort -u"
	if grep -vxE "/etc/qtoa|/run/qtoa|$1" "$top/said" >"$top/more"; then
		fail "left: $(tr '\n' ' ' <"$top/more")"
	fi
	run 'ls -A /etc/qtoa 2>/dev/null; pgrep -a qtoa; systemctl list-units --all --no-legend "qtoa*"'
	! grep -vxE 'config.h|token' "$top/said" >"$top/more" || fail "left: $(tr '\n' ' ' <"$top/more")"
}

uninstall() { # uninstall PATTERN: the user's own files, which stay
	must 'make uninstall'
	left "/var/lib/qtoa(/.*)?|$1"
}

#
# The ways.
#

build() {
	configure
	follow '**2. Build and place' 1
}

units() {
	follow 'nginx and Caddy start no programs themselves'
}

# As doc/install.md says.
units_off() {
	must 'systemctl disable --now qtoa.service qtoa.socket qtoa-collector.socket'
}

way_lighttpd() {
	build
	follow '*lighttpd*'
	prove
	must 'lighty-disable-mod qtoa && systemctl restart lighttpd'
	uninstall /etc/lighttpd/conf-available/50-qtoa.conf
}

apache() {
	follow '*Apache*'
	prove
	must 'a2disconf qtoa && systemctl restart apache2'
	[ "$way" != proxy ] || units_off
	uninstall '/etc/apache2/conf-available/qtoa.conf|/var/lib/apache2/conf/.*/qtoa'
}

way_apache() {
	build
	apache
}

way_proxy() {
	build
	units
	switch apache-example.conf fcgid proxy
	must 'apt-get install apache2 && a2enmod proxy_fcgi'
	apache
}

way_cgi() {
	build
	switch apache-example.conf fcgid cgi
	must 'apt-get install apache2 && a2enmod cgi'
	apache
}

way_nginx() {
	build
	units
	follow '*nginx*'
	prove
	units_off
	uninstall '/etc/nginx/sites-(available|enabled)/qtoa'
}

# No reboot here: nothing starts spawn-fcgi at boot.
way_spawn() {
	build
	must 'apt-get install spawn-fcgi'
	follow 'or spawn-fcgi'
	follow '*nginx*'
	await_server
	expect '^0 failed' 'qtoa check'
	send 2-menu-click
	expect '^well' 'qtoa status'
}

way_caddy() {
	build
	units
	follow '*Caddy*'
	prove
	units_off
	uninstall ''
}

way_package() {
	configure
	follow 'Or as a Debian package'
	follow '*nginx*'
	prove
	must 'apt-get purge qtoa'
	# The user stays, as always in Debian, because it may own files elsewhere.
	run 'getent passwd qtoa'
	left '/etc/nginx/sites-(available|enabled)/qtoa'
}

# From a bare tree: the shipped file has the settings of a collector, which is QT here.
way_account() {
	begun=$(date +%s)
	follow '**1. Fields' 1
	cat >"$root/root/answers" <<-END
		path=shop
		host=$host
		appid=wx0123456789abcde0
		qt_url=http://$host
		app_key=shopAppKey
		service_id=shopServiceId
		service_secret=shopServiceSecret
		server=${way#account-}
	END
	expect '^ *URL: http' './setup account --answers /root/answers --no-wait'
	send 1-subscribe
	printf '(%s s from the bare tree to the first event)\n' "$(($(date +%s) - begun))"
	prove
	# An account more, while the first goes on.
	must "sed -i -e s/shop/news/ -e s/cde0/cde1/ /root/answers"
	expect '/qtoa/news' './setup account --answers /root/answers --no-wait'
	expect '^200 success' "qtoa send news http://$host/qtoa/news demo/messages/4-image.xml"
	send 5-location
}

way_setup() {
	begun=$(date +%s)
	expect ', 0 failed' './setup demo'
	printf '(%s s)\n' "$(($(date +%s) - begun))"
	left ''
	# The server may run neither now nor after a boot.
	must '! systemctl is-active lighttpd && ! systemctl is-enabled lighttpd'
}

way_check() {
	begun=$(date +%s)
	must './setup check'
	printf '(%s s)\n' "$(($(date +%s) - begun))"
}

main() {
	printf '======== %s, %s\n' "$suite" "$way"
	make_base
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	unpack
	boot
	run 'sed -n s/^PRETTY_NAME=//p /etc/os-release; systemctl --version | head -n 1; systemctl is-system-running'
	case $way in
	account-*) way_account ;;
	*) "way_$way" ;;
	esac
	printf '\n======== %s, %s: %s failed\n' "$suite" "$way" "$failed"
}

case $way in
lighttpd | apache | proxy | cgi | nginx | spawn | caddy | package | setup | check | \
    account-nginx | account-apache | account-lighttpd | account-caddy) ;;
*) die "there is no way $way" 'The ways are in the head of tests/fresh/fresh.sh.' ;;
esac
main
[ "$failed" = 0 ]
