#!/bin/sh
#
# fresh.sh SUITE WAY TARBALL QT DIRECTORY: boots a new Debian (bookworm, trixie) in a container, and
# runs the commands of the documents there, as root, from the unpacked tarball, in one way:
#
#	nginx, apache, lighttpd		README.md, step by step, with that web server
#	hand-nginx, hand-apache,	doc/webservers.md: make install; nginx and Caddy with systemd's
#	hand-lighttpd, hand-caddy	sockets
#	hand-proxy, hand-cgi		Apache with that block of its example file
#	hand-spawn			nginx with spawn-fcgi
#	package				the Debian package of doc/install.md, and nginx
#	setup, check			./setup demo, ./setup check
#	account-SERVER			./setup account --answers, with one of the four servers
#
# Only the user's own values are filled in: the account and the name of the host.  What a document
# shows after a command must come.  Most ways are tried once more after a reboot, and it is checked
# which files are left after the program is uninstalled.  Standard output is the transcript.
# DIRECTORY holds the machine.
#
# For the steps of README.md there is a world around the machine, in its directory /root/world.  It
# has a certificate authority (Caddy's), which certbot asks as it asks Let's Encrypt, and QT, which
# is the program QT: it needs no library and has its values from the environment (`make dist`).
#
# It needs root, debootstrap, systemd-container, a Debian mirror (MIRROR), and the ports 80 and 443,
# because the machine shares the network of its host.  NSPAWN may name another systemd-nspawn.

set -eu
export LC_ALL=C

suite=$1
way=$2
tarball=$3
qt=$4
: "${NSPAWN:=systemd-nspawn}" "${MIRROR:=http://deb.debian.org/debian}"

mkdir -p "$5"
top=$(cd "$5" && pwd)
root=$top/$suite-$way
host=127.0.0.1
nspawn=
failed=0
document=doc/webservers.md

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

enter() { # enter COMMAND ARGUMENT...: runs it as root in the machine
	nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    HOME=/root LANG=C.UTF-8 TERM=dumb PYTHONWARNINGS=ignore DEBIAN_FRONTEND=noninteractive \
	    SYSTEMD_PAGER= "$@"
}

inside() { # inside COMMAND: runs it as root, in the directory of the tarball
	enter sh -c "cd /root/qtoa && $1" </dev/null
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

# Prints a block of code of the document: the first, or the NUMBERth, below the line that begins so.
block() { # block LINE [NUMBER]
	awk -v start="$1" -v number="${2:-1}" '
	!below { below = index($0, start) == 1; next }
	/^    / {
		if (!code)
			blocks++
		for (; code && gap; gap--)
			if (blocks == number)
				print ""
		code = 1
		gap = 0
		if (blocks == number) {
			print substr($0, 5)
			found = 1
		}
		next
	}
	/^$/ { gap++; next }
	{ code = gap = 0 }
	/^[#*]/ { exit }
	END { exit !found }' "$root/root/qtoa/$document" ||
	    die "$document has no block ${2:-1} below \"$1\"" 'It is named in tests/fresh/fresh.sh.'
}

follow() { # follow LINE [NUMBER]: runs the commands of that block
	block "$@" >"$top/block"
	obey "$top/block"
}

# Runs the commands; all that they print is in $top/all.
obey() { # obey FILE
	: >"$top/all"
	while IFS= read -r line <&3; do
		case $line in
		# Its QT is the collector of a web server that does not run yet, so it may fail.
		'qtoa check') run "$line" ;;
		*) must "$line" ;;
		esac
		cat "$top/said" >>"$top/all"
	done 3<"$1"
}

# Each line of one file must come in the other, in this order.  A number but 0 may be another
# number, and "..." is what comes between.  Prints the first line that did not come.
compare() { # compare EXPECTED OUTPUT
	awk '
	function plain(line) {
		gsub(/[[:blank:]\r]+/, " ", line)
		gsub(/^ | $/, "", line)
		return line
	}
	function shape(line) {
		gsub(/[0-9]+/, "0", line)
		return line
	}
	function numbers(line, list) {
		gsub(/[^0-9]+/, " ", line)
		return split(line, list, " ")
	}
	function alike(want, line,    i, n, a, b) {
		if (shape(want) != shape(line))
			return 0
		n = numbers(want, a)
		numbers(line, b)
		for (i = 1; i <= n; i++)
			if (a[i] == "0" && b[i] != "0")
				return 0
		return 1
	}
	FNR == NR {
		if (plain($0) != "" && plain($0) != "...")
			want[++n] = plain($0)
		next
	}
	at < n && alike(want[at + 1], plain($0)) { at++ }
	END { if (at < n) print want[at + 1] }' "$1" "$2"
}

shows() { # shows EXPECTED OUTPUT: as the document shows it
	missed=$(compare "$1" "$2")
	[ -z "$missed" ] || fail "$document shows this, and it did not come: $missed"
}

# Runs the commands of a block that has their output as well: "$ COMMAND", and what it prints.
converse() { # converse LINE [NUMBER]
	block "$@" >"$top/block"
	: >"$top/expected"
	while IFS= read -r line <&3; do
		case $line in
		'$ '*)
			! [ -s "$top/expected" ] || shows "$top/expected" "$top/said"
			: >"$top/expected"
			must "${line#??}"
			;;
		*) printf '%s\n' "$line" >>"$top/expected" ;;
		esac
	done 3<"$top/block"
	shows "$top/expected" "$top/said"
}

#
# The user's own values.
#

# The token goes into a file, but not with the package, whose user could not read that file.
configure() {
	must './setup install'
	follow '## First the program' 1
	must "sed -i -e 's|\"demo\"|\"shop\"|' /etc/qtoa/config.h"
	[ "$way" != package ] || return 0
	must 'install -o root -g www-data -m 0640 /dev/null /etc/qtoa/token'
	must 'printf qtoaDemoToken >/etc/qtoa/token'
	must "sed -i 's|\"qtoaDemoToken\"|\"@/etc/qtoa/token\"|' /etc/qtoa/config.h"
}

# Turns blocks of an example file off and on, as the head of the file explains.
switch() { # switch FILE OFF ON
	must "sed -i -e '/^# ---- $2:/,/^# ----\$/s/^[^#]/#&/' -e '/^# ---- $3:/,/^# ----\$/s/^#\\([^ ]\\)/\\1/' $1"
}

#
# The results that the documents promise.
#

get() { # get PATTERN PATH: asks the web server; the answer must have the pattern
	expect "$1" "curl -sS -w '%{http_code}\\n' http://$host/qtoa/$2"
}

send() { # send MESSAGE
	expect '^200 success' "qtoa send shop http://$host/qtoa/shop demo/messages/$1.xml"
}

# Waits for the web server: the commands that start or reload it return earlier.
await_server() {
	inside "curl -fsS -o /dev/null --retry 20 --retry-delay 1 --retry-max-time 10 --retry-all-errors \
	    http://$host/qtoa/-/health 2>/dev/null" || fail "the web server on $host has no qtoa"
}

await_site() { # the same for HTTPS
	inside "curl -sS -o /dev/null --retry 20 --retry-delay 1 --retry-max-time 10 --retry-all-errors \
	    https://$site/ 2>/dev/null" || fail "there is no web server on $site"
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
# The world around the machine.
#

world=/root/world
site=wechat.example.com

some_port() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

# The machine knows the domain, and certbot the authority and what it asks the first time.  Caddy is
# unpacked there and not installed, with lists of its own, so that the machine is as new as it was.
make_world() {
	lists="-o Dir::State::lists=$world/lists"
	mkdir -p "$root$world/lists/partial" "$root/root/.config/letsencrypt"
	inside "apt-get $lists update && cd $world && apt-get $lists download caddy &&
	    dpkg -x caddy_*.deb ." >"$top/said" 2>&1 ||
	    die 'the world has no Caddy' "$(tail -n 1 "$top/said")"
	install -m 755 "$qt" "$root$world/qt"
	authority=$(some_port) qt_port=$(some_port)
	qt_url=http://127.0.0.1:$qt_port
	echo "127.0.0.1 $site" >>"$root/etc/hosts"
	cat >"$root/root/.config/letsencrypt/cli.ini" <<-END
		server = https://127.0.0.1:$authority/acme/local/directory
		no-verify-ssl = true
		email = you@example.com
		agree-tos = true
		no-eff-email = true
	END
	cat >"$root$world/Caddyfile" <<-END
		{
			admin off
			auto_https disable_redirects
			skip_install_trust
			https_port $authority
			http_port $qt_port
			storage file_system $world/data
		}
		https://127.0.0.1:$authority {
			tls internal
			acme_server
		}
		http://127.0.0.1:$qt_port {
			reverse_proxy unix/$world/qt.sock {
				transport fastcgi
			}
		}
	END
	cat >"$root$world/ask" <<-END
		#!/bin/sh
		set -a
		. $world/environment
		exec $world/qt report "\$@"
	END
	chmod 755 "$root$world/ask"
	qt_knows unknown abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG
	world_unit web "$world/usr/bin/caddy run --adapter caddyfile --config $world/Caddyfile"
	world_unit qt "$world/qt listen $world/qt.sock"
}

world_unit() { # world_unit NAME COMMAND: which also runs after a reboot
	cat >"$root/etc/systemd/system/world-$1.service" <<-END
		[Service]
		ExecStart=$2
		EnvironmentFile=$world/environment
		Restart=always
		[Install]
		WantedBy=multi-user.target
	END
	inside "systemctl -q enable --now world-$1" || die "the world's $1 does not start" ''
}

# What the operator tells QT of the account.
qt_knows() { # qt_knows TOKEN AES_KEY
	cat >"$root$world/environment" <<-END
		HOME=$world
		QTOA_PATH=shop
		QTOA_APPID=wx0123456789abcde0
		QTOA_MODE=SAFE
		QTOA_TOKEN=$1
		QTOA_AES_KEY=$2
		QTOA_APP_KEY=shopAppKey
		QTOA_SERVICE_ID=shopServiceId
		QTOA_SERVICE_SECRET=shopServiceSecret
		QTOA_QT_URL=http://127.0.0.1:9/server/thirdPartyDataSource
		QTOA_STATE_DIR=$world/state
		QTOA_LOG=$world/log
		QTOA_COLLECTOR=1
	END
}

# What is typed at a question.
answer_to() { # answer_to QUESTION
	case $1 in
	*'Short name'*) echo shop ;;
	*'Host name'*) echo "$site" ;;
	*'AppID (wx'*) echo wx0123456789abcde0 ;;
	*"QT's primary"*) echo "$qt_url" ;;
	*'Application key'*) echo shopAppKey ;;
	*ServiceID*) echo shopServiceId ;;
	*ServiceSecret*) echo shopServiceSecret ;;
	*) echo ;;
	esac
}

# Types the answers to ./setup account on a terminal, does what WeChat's console does when it is
# submitted, and sends the first message.  $top/said has all of it.
converse_account() { # converse_account COMMAND
	printf '\n# %s\n' "$1"
	rm -f "$top/typed"
	mkfifo "$top/typed"
	: >"$top/said"
	inside_terminal "$1" <"$top/typed" >"$top/said" 2>&1 &
	guide=$!
	exec 4>"$top/typed"
	seen=0 submitted='' sent=''
	while kill -0 "$guide" 2>/dev/null; do
		sleep 0.1
		size=$(wc -c <"$top/said")
		if [ "$size" != "$seen" ] && [ "$(tail -c 2 "$top/said")" = ': ' ]; then
			seen=$size
			answer_to "$(tail -n 1 "$top/said")" >&4
		elif [ -z "$submitted" ] && grep -q 'Waiting for WeChat' "$top/said"; then
			submitted=yes
			submit
		elif [ -z "$sent" ] && grep -q 'Waiting for the first event' "$top/said"; then
			sent=yes
			inside "qtoa send shop https://$site/qtoa/shop demo/messages/3-text.xml" >"$top/sent" 2>&1 ||
			    fail "$(cat "$top/sent")"
		fi
	done
	exec 4>&-
	status=0
	wait "$guide" || status=$?
	tr -d '\r' <"$top/said" >"$top/all"
	cat "$top/all"
	[ "$status" = 0 ] || fail "$1: exit status $status"
}

inside_terminal() { # inside_terminal COMMAND: the same, with a terminal as its input and output
	enter script -qefc "cd /root/qtoa && $1" /dev/null
}

value_of() { # value_of LABEL: prints what ./setup account says of it for the console
	tr -d '\r' <"$top/said" | sed -n "s/^    $1: //p" | tail -n 1
}

# As WeChat's console, when 提交 is pressed; QT's console is told the same values.
submit() {
	token=$(value_of Token)
	qt_knows "$token" "$(value_of EncodingAESKey)"
	inside 'systemctl restart world-qt'
	now=$(date +%s)
	sign=$(printf '%s\n' "$token" "$now" 1234567 | sort | tr -d '\n' | sha1sum | cut -d' ' -f1)
	query="signature=$sign&timestamp=$now&nonce=1234567&echostr=$now"
	inside "curl -fsS '$(value_of URL)?$query'" >"$top/sent" 2>&1 || :
	[ "$(cat "$top/sent")" = "$now" ] || fail "WeChat's console got: $(cat "$top/sent")"
}

#
# The ways.
#

# Prints a cell of the row that README.md has for this web server.
cell() { # cell COLUMN
	awk -F ' *[|] *' -v server="$way" -v column="$1" '
	tolower($2) == server && NF == 5 {
		gsub(/`/, "", $(column + 1))
		print $(column + 1)
	}' "$root/root/qtoa/README.md"
}

with_server() { # the lines of nginx on standard input, for $way
	if [ "$way" = nginx ]; then
		cat
	else
		sed -e "s|install nginx certbot|install $(cell 2)|" -e "s|systemctl reload nginx|$(cell 3)|" \
		    -e '/systemd holds/d' -e '/etc.nginx/d' -e "s|nginx: running|$way: running|"
	fi
}

steps() {
	document=README.md
	make_world
	begun=$(date +%s)
	block '**1. Web server' 1 >"$top/block"
	with_server <"$top/block" >"$top/commands"
	obey "$top/commands"
	block '**1. Web server' 2 >"$top/expected"
	shows "$top/expected" "$top/all"
	# The world's authority is as well known as others.
	inside "cp $world/data/pki/authorities/local/root.crt /usr/local/share/ca-certificates/world.crt &&
	    update-ca-certificates >/dev/null 2>&1" || fail 'the authority is not known'
	block '**2. The account' 1 >"$top/commands"
	converse_account "$(cat "$top/commands")"
	block '**2. The account' 2 >"$top/block"
	block "**3. WeChat's console" 1 >>"$top/block"
	block '**4. The first event' 1 >>"$top/block"
	with_server <"$top/block" >"$top/expected"
	shows "$top/expected" "$top/all"
	printf '(%s s from the first command of README.md to the first event)\n' "$(($(date +%s) - begun))"
	converse '## Does it work?'
	expect "receive_msg" "$world/ask latest --from 2025-01-01 --to 2025-01-01"
	reboot
	await_site
	expect '^200 success' "qtoa send shop https://$site/qtoa/shop demo/messages/4-image.xml"
	expect '^well' 'qtoa status'
	expect 'receive_msg  *2 ' "$world/ask days --from 2025-01-01 --to 2025-01-01"
	expect '^Congratulations' 'certbot renew --dry-run --no-random-sleep-on-renew'
}

way_nginx() {
	steps
}

way_apache() {
	steps
}

way_lighttpd() {
	steps
}

build() {
	configure
	follow '## First the program' 2
}

units() {
	follow '## nginx' 1
}

# As doc/webservers.md says.
units_off() {
	must 'systemctl disable --now qtoa.service qtoa.socket qtoa-collector.socket'
}

way_hand_lighttpd() {
	build
	follow '## lighttpd'
	prove
	must 'lighty-disable-mod qtoa && systemctl restart lighttpd'
	uninstall /etc/lighttpd/conf-available/50-qtoa.conf
}

apache() {
	follow '## Apache'
	prove
	must 'a2disconf qtoa && systemctl restart apache2'
	[ "$way" != hand-proxy ] || units_off
	uninstall '/etc/apache2/conf-available/qtoa.conf|/var/lib/apache2/conf/.*/qtoa'
}

way_hand_apache() {
	build
	apache
}

way_hand_proxy() {
	build
	units
	switch apache-example.conf fcgid proxy
	must 'apt-get install apache2 && a2enmod proxy_fcgi'
	apache
}

way_hand_cgi() {
	build
	switch apache-example.conf fcgid cgi
	must 'apt-get install apache2 && a2enmod cgi'
	apache
}

way_hand_nginx() {
	build
	units
	follow '## nginx' 2
	prove
	follow '## To take it away'
	uninstall '/etc/nginx/sites-(available|enabled)/qtoa'
}

# No reboot here: nothing starts spawn-fcgi at boot.
way_hand_spawn() {
	build
	must 'apt-get install spawn-fcgi'
	follow '## nginx' 3
	follow '## nginx' 2
	await_server
	expect '^0 failed' 'qtoa check'
	send 2-menu-click
	expect '^well' 'qtoa status'
}

way_hand_caddy() {
	build
	follow '## Caddy' 1
	follow '## Caddy' 2
	prove
	units_off
	uninstall ''
}

way_package() {
	configure
	document=doc/install.md
	follow '## The package' 1
	document=doc/webservers.md
	follow '## nginx' 2
	prove
	must 'apt-get purge qtoa'
	# The user stays, as always in Debian, because it may own files elsewhere.
	run 'getent passwd qtoa'
	left '/etc/nginx/sites-(available|enabled)/qtoa'
}

# From a bare tree: the shipped file has the settings of a collector, which is QT here.
way_account() {
	begun=$(date +%s)
	follow '## First the program' 1
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
	*) "way_$(echo "$way" | tr - _)" ;;
	esac
	printf '\n======== %s, %s: %s failed\n' "$suite" "$way" "$failed"
}

case $way in
nginx | apache | lighttpd | package | setup | check | \
    hand-nginx | hand-apache | hand-lighttpd | hand-caddy | hand-proxy | hand-cgi | hand-spawn | \
    account-nginx | account-apache | account-lighttpd | account-caddy) ;;
*) die "there is no way $way" 'The ways are in the head of tests/fresh/fresh.sh.' ;;
esac
main
[ "$failed" = 0 ]
