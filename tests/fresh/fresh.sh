#!/bin/sh
#
# fresh.sh SUITE WAY TARBALL DIRECTORY: a Debian that nobody has touched (bookworm, trixie), booted
# in a container; README.md's own commands there, as root, from the unpacked tarball, in one way:
#
#	lighttpd, apache, nginx, caddy	make install; nginx and Caddy with systemd's sockets
#	proxy, cgi			Apache with that block of its example file
#	spawn				nginx with spawn-fcgi
#	package				the Debian package, and nginx
#	setup, check			./setup demo, ./setup check
#
# Only what is the user's own is filled in: account, name of the host.  Then what README says must
# come of it, also after the machine has booted again, and what must be left when it was taken away.
# The transcript is standard output; DIRECTORY is for the machine.
#
# It needs root, debootstrap, systemd-container, a Debian mirror (MIRROR), and ports 80 and 443: the
# machine shares the network of its host.  NSPAWN is another systemd-nspawn.

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

# What every installed Debian has, once for each suite; remove the file to get it anew.
make_base() {
	[ -e "$top/$suite.tar" ] && return
	rm -rf "$root"
	debootstrap "$suite" "$root" "$MIRROR" >"$top/$suite.log" 2>&1 ||
	    die "no $suite from $MIRROR" "$top/$suite.log says why."
	rm -f "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" -cf "$top/$suite.tar.new" .
	mv "$top/$suite.tar.new" "$top/$suite.tar"
}

# Packages are fetched once.  Who installs by hand says yes when apt asks.
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

inside() { # inside COMMAND: as root, where the tarball was unpacked
	nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER= \
	    sh -c "cd /root/qtoa && $1" </dev/null
}

boot() {
	# The host may not have systemd itself, so nothing is registered with it.
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 "$NSPAWN" -q -b -D "$root" --register=no --keep-unit \
	    --bind="$top/apt-$suite:/var/cache/apt/archives" >"$top/$suite-$way.boot" 2>&1 </dev/null &
	nspawn=$!
	await_boot
}

await_boot() { # until systemd has started all that it starts
	for _ in $(seq 300); do
		sleep 0.2
		kill -0 "$nspawn" 2>/dev/null || break
		leader=$(pgrep -P "$nspawn" -x systemd) || continue
		# Degraded is as good: a container may not do all that Debian's units try.
		case $(inside 'systemctl is-system-running' 2>&1) in
		running | degraded) return ;;
		esac
	done
	die "$suite does not boot" "$top/$suite-$way.boot says why."
}

# In order, as by its power button.
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
# Commands, and what must come of them.
#

fail() { # fail WHAT
	printf '!! %s\n' "$1"
	failed=$((failed + 1))
}

run() { # run COMMAND: with what it says, but for the compiler's command lines
	printf '\n# %s\n' "$1"
	status=0
	inside "$1" >"$top/said" 2>&1 || status=$?
	grep -v '^cc ' "$top/said" || :
	[ "$status" = 0 ] || printf '(exit status %s)\n' "$status"
}

must() { # must COMMAND: and it is content
	run "$1"
	[ "$status" = 0 ] || fail "$1"
}

expect() { # expect PATTERN COMMAND: it is content, and says that
	must "$2"
	grep -q -e "$1" "$top/said" || fail "there is no \"$1\""
}

# README's block of code below the line that begins so: the first, or the second, ...
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

follow() { # follow LINE [NUMBER]: these commands
	block "$@" >"$top/block" ||
	    die "README.md has no commands below \"$1\"" 'They are named in tests/fresh/fresh.sh.'
	while IFS= read -r line <&3; do
		case $line in
		# QT is the collector of a web server that is not there yet.
		'qtoa check') run "$line" ;;
		*) must "$line" ;;
		esac
	done 3<"$top/block"
}

#
# What is the user's.
#

# The token is in a file, of which the package's user would read nothing.
configure() {
	must './setup install'
	follow '**1. Fields' 1
	follow '**1. Fields' 2
	must 'printf qtoaDemoToken >/etc/qtoa/token'
	must "sed -i -e 's|\"demo\"|\"shop\"|' -e 's|127.0.0.1:8080|$host|' /etc/qtoa/config.h"
	[ "$way" = package ] || must "sed -i 's|\"qtoaDemoToken\"|\"@/etc/qtoa/token\"|' /etc/qtoa/config.h"
	# This host has no name that WeChat knows, hence no certificate.
	must "sed -i -e 's|server_name.*|server_name $host;|' examples/nginx-example.conf"
	must "sed -i -e 's|^wechat.example.com {|http://$host {|' examples/Caddyfile-example"
}

# Blocks of an example file, as its head says.
switch() { # switch FILE OFF ON
	must "sed -i -e '/^# ---- $2:/,/^# ----\$/s/^[^#]/#&/' -e '/^# ---- $3:/,/^# ----\$/s/^#\\([^ ]\\)/\\1/' $1"
}

#
# What README says must come.
#

get() { # get PATTERN PATH: of the web server
	expect "$1" "curl -sS -w '%{http_code}\\n' http://$host/qtoa/$2"
}

send() { # send MESSAGE: README's command, with another message
	expect '^200 success' "$(block '**4. Try' | sed -e "s|https://HOST|http://$host|" -e "s|2-menu-click|$1|")"
}

# Who starts or reloads a server does not wait until that is done.
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

# What has our name and is not the user's own, and what runs.  What is in /run goes at the next boot.
left() { # left PATTERN: of what may be left
	run "find / /run /tmp -xdev -path /root -prune -o -name '*qtoa*' -print | sort -u"
	if grep -vxE "/etc/qtoa|/run/qtoa|$1" "$top/said" >"$top/more"; then
		fail "left: $(tr '\n' ' ' <"$top/more")"
	fi
	run 'ls -A /etc/qtoa 2>/dev/null; pgrep -a qtoa; systemctl list-units --all --no-legend "qtoa*"'
	! grep -vxE 'config.h|token' "$top/said" >"$top/more" || fail "left: $(tr '\n' ' ' <"$top/more")"
}

uninstall() { # uninstall PATTERN: of the user's own files
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

# As doc/install.md has it.
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

# Nothing starts these at boot.
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
	# A user stays, as always in Debian: files elsewhere may be its.
	run 'getent passwd qtoa'
	left '/etc/nginx/sites-(available|enabled)/qtoa'
}

way_setup() {
	begun=$(date +%s)
	expect ', 0 failed' './setup demo'
	printf '(%s s)\n' "$(($(date +%s) - begun))"
	left ''
	# Neither now nor at boot.
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
	"way_$way"
	printf '\n======== %s, %s: %s failed\n' "$suite" "$way" "$failed"
}

case $way in
lighttpd | apache | proxy | cgi | nginx | spawn | caddy | package | setup | check) ;;
*) die "$way is no way" 'They are in the head of tests/fresh/fresh.sh.' ;;
esac
main
[ "$failed" = 0 ]
