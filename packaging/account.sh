#!/bin/sh
#
# account.sh: `./setup account`, which setup runs as a part of itself.  It asks for a WeChat account,
# checks each answer at once, writes config.h and the files of its secrets, builds, installs, puts
# the example of the web server into place, and waits for WeChat's first call and first event.
#
# --answers FILE has the answers for a script: lines KEY=VALUE.  An empty line, and one that begins
# with #, means nothing.  The keys are the words of $keys; all but those of $needed have a default.
# If FILE changes an account, what it does not name stays.
#
#	config		the file: /etc/qtoa/config.h, or $HOME/qtoa/config.h of a user who is not root
#	path name	.path and .name of the account
#	host		the host that WeChat calls; with http:// or https:// before it, if that must be so
#	appid token mode aes_key qt_url app_key service_id service_secret secret	as in config.h; app_key
#			may be "-", a token and an aes_key that are not given are made at random
#	server		nginx, apache, lighttpd, caddy, cgi, none; by itself the one that runs here
#	user		who runs qtoa
#	state_dir	.state_dir of a new file
#	prefix		as of `make install`
#	cgi_dir		with cgi, the directory of the site
#	server_conf	the file for the web server's lines, which is then not put into place
#	certificate certificate_key	of the host, if certbot has not put them into /etc/letsencrypt
#	port		of the lighttpd that a user who is not root starts
#	reload		no: the web server is not reloaded
#
# account-answers.sh and account-front.sh are parts of it.  Of setup they use: top, tmp, die, text, row,
# install, install_as_root, usage.

# shellcheck disable=SC2154,SC2034 # what setup sets, and what checks hand over to each other

keys='config path name host appid mode token aes_key qt_url app_key service_id service_secret secret
server cgi_dir user state_dir prefix server_conf certificate certificate_key port reload'
needed='host appid qt_url app_key service_id service_secret'
secrets='token aes_key service_secret secret'
# The directory of a control panel (BT Panel, aaPanel), which has nginx and Apache beside it.
panel=/www/server/panel
blank="$(printf '\343\200\200')|$(printf '\302\240')|$(printf '\342\200\213')|$(printf '\357\273\277')"

get() { # get KEY: prints the answer
	eval "printf '%s' \"\${answer_$1-}\""
}

put() { # put KEY VALUE
	eval "answer_$1=\$2"
}

has() { # has WORDS WORD
	case " $(printf '%s' "$1" | tr '\n' ' ') " in
	*" $2 "*) ;;
	*) return 1 ;;
	esac
}

# Like row, with a label of the text table; a Chinese character takes two columns and three bytes.
say() { # say LABEL TEXT...
	word=$(text "label.$1")
	shift
	more=$(printf '%s' "$word" | tr -d ' -~' | wc -c)
	printf "  %-$((12 + more / 3))s %s\n" "$word" "$*"
}

is_root() {
	[ "$(id -u)" = 0 ]
}

#
# The configuration that is there already.
#

edit() { # edit COMMAND [NAME=VALUE...]: reads or changes config.h, which is its input
	command=cmd=$1
	shift
	set -- "$command" "$@"
	for pair; do
		shift
		set -- "$@" -v "$pair"
	done
	awk "$@" -f "$top/packaging/account.awk"
}

# Prints what the account has, whether it stands in the file or in one of its own.
present_value() { # present_value KEY
	has 'name appid token mode aes_key qt_url app_key service_id service_secret secret' "$1" ||
	    return 1
	kept=$(edit get "path=$(get path)" "field=$1" <"$(get config)")
	case $kept in
	@*) head -n 1 "${kept#@}" 2>/dev/null || : ;;
	\$*) ;;
	*) printf '%s\n' "$kept" ;;
	esac
}

# Sets $present if the file has such an account.
look_for_account() {
	present=
	[ -e "$(get config)" ] || return 0
	! edit list <"$(get config)" | grep -qxF -e "$(get path)" || present=yes
}

#
# What is written.
#

# Keeps the file as it is now, under the first number that is free.
back_up() { # back_up FILE: prints the name of the copy
	copy=1
	while [ -e "$1.bak-$copy" ]; do
		copy=$((copy + 1))
	done
	cp -p "$1" "$1.bak-$copy"
	printf '%s\n' "$1.bak-$copy"
}

# Moves its input into place as a file that others cannot read.
write_private() { # write_private FILE MODE
	(umask 077 && cat >"$1.new") || die "$1.new" ''
	! is_root || chown "root:$group" "$1.new"
	chmod "$2" "$1.new"
	mv -f "$1.new" "$1"
}

quoted() { # quoted VALUE: as C has it
	printf '"%s"' "$(printf '%s' "$1" | sed -e 's/[\\"]/\\&/g' -e 's/??/?\\?/g')"
}

# Writes a secret to its file, and prints the value of its field.  What begins with @ or $ has
# another meaning in config.h, so it goes to a file too.
field_value() { # field_value KEY
	kept=$(get "$1")
	[ "$kept" != - ] || kept=
	apart=
	! has "$secrets" "$1" || apart=yes
	case $kept in
	@* | \$*) apart=yes ;;
	esac
	if [ "$1" = mode ]; then
		printf '%s\n' "$kept"
	elif [ -n "$apart" ]; then
		file=$(dirname "$(get config)")/$(get path).$1
		printf '%s\n' "$kept" | write_private "$file" "$secret_mode"
		quoted "@$file"
	else
		quoted "$kept"
	fi
}

new_file() {
	cat <<END
/*
 * The accounts and settings of qtoa, written by ./setup account.  The secrets are in files of their
 * own beside this one.  config.h of the sources and man qtoa-config explain each value, and name
 * those that may be added.
 */

static const struct account accounts[] = {
};

static const struct settings settings = {
	.state_dir	= $(quoted "$(get state_dir)"),
	.report_allow	= "127.0.0.1, ::1",
END
	[ "$(get server)" != cgi ] || printf '\t.log\t\t= %s,\n' "$(quoted "$(dirname "$(get state_dir)")/log")"
	echo '};'
}

write_config() {
	config=$(get config)
	# Others may pass through it to the file that is theirs, if root makes it.
	pass=0700
	! is_root || pass=0711
	[ -d "$(dirname "$config")" ] || command install -d -m "$pass" "$(dirname "$config")" 2>/dev/null || :
	[ -w "$(dirname "$config")" ] || die "$(text unwritable "$config")" ''
	: >"$tmp/fields"
	for field in path name appid token mode aes_key qt_url app_key service_id service_secret secret; do
		case "$field $(get "$field")" in
		'name ' | 'aes_key ' | 'secret ') ;;
		*) printf '%s\t%s\n' "$field" "$(field_value "$field")" >>"$tmp/fields" ;;
		esac
	done
	if [ -e "$config" ]; then
		say config "$(text backup "$(back_up "$config")")"
		cp "$config" "$tmp/config.h"
	else
		new_file >"$tmp/config.h"
	fi
	edit put "path=$(get path)" "fields=$tmp/fields" <"$tmp/config.h" >"$tmp/config.new"
	write_private "$config" 0600 <"$tmp/config.new"
	say config "$config"
	say secrets "$(dirname "$config")/$(get path).*"
}

#
# Building and installing.
#

build_program() {
	objects=$top/build
	[ -w "$top" ] && { [ ! -e "$objects" ] || [ -w "$objects" ]; } || objects=$tmp/obj
	set -- "CONFIG=$(get config)" "B=${B:-$objects}" "BC=$tmp/conf" "BIN=$tmp/qtoa"
	mode=0750
	cgi_bin=
	if [ "$(get server)" = cgi ]; then
		mode=0755 cgi_bin=$(get cgi_dir)
	fi
	make -C "$top" -s -j"$(nproc)" "$@" all >"$tmp/make.out" 2>&1 || {
		cat "$tmp/make.out" >&2
		die "$(text build.failed)" "$(text build.above)"
	}
	grep -a 'warning: ' "$tmp/make.out" || :
	make -C "$top" -s "$@" "PREFIX=$(get prefix)" "STATEDIR=$(get state_dir)" "OWNER=$owner" \
	    "GROUP=$group" "WEBGROUP=$web_group" "CGIBINDIR=$cgi_bin" "MODE=$mode" install \
	    >"$tmp/make.out" 2>&1 || {
		cat "$tmp/make.out" >&2
		die "$(text build.failed)" "$(text build.above)"
	}
	program=$(get prefix)/bin/qtoa
	say program "$(text built "$program" "$owner")"
}

#
# The end: is it right, and does WeChat come?
#

# QT may be out of reach, or be the collector of a web server that does not run yet: that fails here,
# and only the rest makes setup fail.
run_check() {
	if "$program" check >"$tmp/check" 2>&1; then
		say check "$(tail -n 1 "$tmp/check")"
		grep -a '^warning' "$tmp/check" | sed 's/^/    /' || :
		return
	fi
	say check "$(text check.bad)"
	sed 's/^/    /' "$tmp/check"
	"$program" check --offline >/dev/null 2>&1 || failed=1
}

# Calls the web server as WeChat does when the URL is saved.
probe() {
	[ -n "$reachable" ] && command -v curl >/dev/null || return 0
	now=$(date +%s)
	sign=$(printf '%s\n' "$(get token)" "$now" 1234567 | sort | tr -d '\n' | sha1sum | cut -d' ' -f1)
	answer=
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		answer=$(curl -sSk --noproxy '*' --max-time 5 \
		    --resolve "${reachable#*://}:127.0.0.1" "$reachable/qtoa/$(get path)?$(
		    printf 'signature=%s&timestamp=%s&nonce=1234567&echostr=%s' "$sign" "$now" "$now"
		    )" 2>&1) || :
		[ "$answer" != "$now" ] || break
		sleep 0.5
	done
	if [ "$answer" = "$now" ]; then
		say check "$(text probe.good)"
	else
		failed=1
		say check "$(text probe.bad "$(printf '%.200s' "$answer" | head -n 1)")"
		say check "$(text probe.remedy)"
	fi
}

show_console() {
	text console
	printf '    %s: %s\n' \
	    "$(text console.url)" "$url" \
	    AppID "$(get appid)" \
	    "$(text console.token)" "$(get token)"
	[ "$(get mode)" = PLAIN ] || printf '    %s: %s\n' "$(text console.aes_key)" "$(get aes_key)"
	printf '    %s: %s\n' "$(text console.mode)" "$(text "mode.$(get mode)")" \
	    "$(text console.format)" XML
	text console.qt
}

number_of() { # number_of NAME: prints a number of the account from the status
	printf '%s\n' "$status" | sed -n "s/.*\"path\":\"$(get path)\".*\"$1\":\\([0-9]*\\).*/\\1/p"
}

read_status() {
	status=$("$program" status --json 2>/dev/null) || :
}

# What came since the start; after midnight in China the numbers begin with 0.
more_than() { # more_than BASE NAME
	now=$(number_of "$2")
	[ "${now:-0}" -gt "$1" ]
}

tell_refusal() { # prints why a call was refused, once for each reason
	reason=$(printf '%s\n' "$status" | awk -v account="\"account\":\"$(get path)\"" '
		/"knocking":/ { knocking = 1 }
		index($0, account) && knocking { print "signature mismatch"; exit }
		index($0, account) && /"error":/ {
			sub(/.*"error":"/, "")
			sub(/".*/, "")
			print
			exit
		}')
	case $reason in
	'' | "$told") ;;
	*)
		told=$reason
		say warning "$(text wait.refused "$reason")"
		;;
	esac
}

# Waits until a number of the status is over its base.
wait_for() { # wait_for NAME BASE...: several pairs; sets $came to the name
	while [ -z "$stopped" ]; do
		read_status
		pairs=$*
		while [ $# -gt 1 ]; do
			! more_than "$2" "$1" || {
				came=$1
				return 0
			}
			shift 2
		done
		# shellcheck disable=SC2086 # names and numbers
		set -- $pairs
		tell_refusal
		[ -z "$patience" ] || [ $(($(date +%s) - begun_wait)) -lt "$patience" ] || return 1
		sleep 0.5 || :
	done
	return 1
}

elapsed() {
	echo $(($(date +%s) - begun_wait))
}

wait_for_wechat() {
	read_status
	tell_refusal >/dev/null
	handshakes=$(number_of handshakes) delivered=$(number_of delivered) queued=$(number_of queued)
	begun_wait=$(date +%s) stopped=
	trap 'stopped=1' INT
	text wait.handshake || :
	if ! wait_for handshakes "${handshakes:-0}" || {
		say wait "$(text wait.came "$(elapsed)")"
		! wait_for delivered "${delivered:-0}" queued "${queued:-0}"
	}; then
		trap 'exit 130' INT
		[ -n "$stopped" ] || {
			say wait "$(text wait.timeout "$patience" "$host")"
			failed=1
		}
		text wait.ended
		return
	fi
	trap 'exit 130' INT
	if [ "$came" = delivered ]; then
		say wait "$(text wait.event "$(elapsed)")"
	else
		say wait "$(text wait.queued "$(elapsed)")"
	fi
}

#
# All of it.
#

options() { # options OPTION...
	while [ $# != 0 ]; do
		case $1 in
		--answers)
			[ $# -gt 1 ] || return 1
			answers=$2
			shift
			;;
		--answers=*) answers=${1#*=} ;;
		--yes | -y) yes=yes ;;
		--no-wait) waits= ;;
		--wait)
			[ $# -gt 1 ] || return 1
			patience=$2
			shift
			;;
		--wait=*) patience=${1#*=} ;;
		*) return 1 ;;
		esac
		shift
	done
	case $patience in
	*[!0-9]*) return 1 ;;
	esac
}

# Prints the certificate that certbot or a panel has got for a host.
certificate_of() { # certificate_of HOST
	for dir in "$panel/vhost/cert" /etc/letsencrypt/live; do
		[ ! -e "$dir/$1/fullchain.pem" ] || {
			printf '%s\n' "$dir/$1/fullchain.pem"
			return
		}
	done
}

# Sets what follows from the answers.
conclude() {
	host=$(get host)
	scheme=
	case $host in
	*://*) scheme=${host%%://*}://  host=${host#*://} ;;
	esac
	owner=$(get user)
	group=$(id -gn "$owner")
	web_group=$group
	secret_mode=0600
	! is_root || secret_mode=0640
	certificate=$(get certificate) certificate_key=$(get certificate_key)
	[ -n "$certificate" ] || ! is_root || certificate=$(certificate_of "$host")
	[ -z "$certificate" ] || certificate_key=${certificate_key:-$(dirname "$certificate")/privkey.pem}
	case $(get server) in
	caddy | cgi) scheme=${scheme:-https://} ;;
	*) scheme=${scheme:-http${certificate:+s}://} ;;
	esac
	url=${scheme}$host/qtoa/$(get path)
	[ "$(get server)" != cgi ] || url=${scheme}$host/qtoa.cgi/$(get path)
	sockets=
	case $(get server) in
	nginx | caddy) sockets=yes ;;
	apache) has_fcgid || sockets=yes ;;
	esac
	[ -z "$sockets" ] || ! is_root || web_group=$(id -gn "$(server_user)")
}

has_fcgid() {
	! is_of_panel apache || return 1
	for file in /etc/apache2/mods-available/fcgid.load /etc/httpd/modules/mod_fcgid.so \
	    /usr/lib/apache2/modules/mod_fcgid.so; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# True: a web server is here that is not Debian's; a second one would only be in its way.
is_from_elsewhere() { # is_from_elsewhere PACKAGE
	! is_of_panel "$1" || return 0
	command -v "$1" >/dev/null && ! dpkg-query -W "$1" >/dev/null 2>&1
}

# What the web server needs beside the compiler; only Debian's packages are installed here.
install_server() {
	is_root && command -v apt-get >/dev/null || return 0
	[ -z "$(get server_conf)" ] || return 0
	case $(get server) in
	nginx) set -- nginx ;;
	apache) set -- apache2 libapache2-mod-fcgid ;;
	lighttpd) set -- lighttpd ${certificate:+lighttpd-mod-openssl} ;;
	caddy) set -- caddy ;;
	*) return 0 ;;
	esac
	! is_from_elsewhere "$1" || set --
	[ -z "$sockets" ] || [ -d /run/systemd/system ] || set -- "$@" spawn-fcgi
	install_as_root "$@" curl
}

account() { # account OPTION...
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin HOME=${HOME:-/nonexistent}
	wrong='' answers='' yes='' waits=yes patience='' present='' failed='' reachable='' told='' was=''
	options "$@" || {
		usage >&2
		exit 2
	}
	begun=$(date +%s)
	if [ -n "$answers" ]; then
		patience=${patience:-600}
		read_answers "$answers"
		yes=yes
	else
		ask_all
	fi
	conclude
	install account
	install_server
	# Its packages may have brought mod_fcgid.
	conclude
	write_config
	build_program
	place_server
	# It waits until the web server is there, which the check of QT may need.
	probe
	run_check
	[ -n "$certificate" ] || [ "$scheme" = https:// ] || say warning "$(text no-certificate "$host")"
	say time "$(text typed $(($(date +%s) - begun)))"
	show_console
	if [ -n "$waits" ]; then
		wait_for_wechat
	else
		text console.no-wait
	fi
	[ -z "$failed" ]
}
