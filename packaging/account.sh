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
# Of setup it uses: top, tmp, die, row, install, build, install_as_root.

# shellcheck disable=SC2154,SC2034 # what setup sets, and what checks hand over to each other

keys='config path name host appid mode token aes_key qt_url app_key service_id service_secret secret
server cgi_dir user state_dir prefix server_conf certificate certificate_key port reload'
needed='host appid qt_url app_key service_id service_secret'
secrets='token aes_key service_secret secret'
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
# Answers, and what is wrong with them.  A check looks at $value, may change it, and sets $wrong.
#

# Takes away what copying and Windows leave around a value: blanks of all kinds, a BOM, a CR.
clean() { # clean VALUE: sets $value
	value=$(printf '%s' "$1" | tr -d '\r\000' |
	    sed -E -e "s/^([[:blank:]]|$blank)+//" -e "s/([[:blank:]]|$blank)+\$//")
}

bad() { # bad KEY VALUE...: says what is wrong, without what a terminal could obey
	what=wrong.$1
	shift
	wrong=$(text "$what" "$@" | tr -d '\000-\010\013-\037\177')
}

# Prints the first character that is not of printable ASCII, all of its bytes.
odd_character() { # odd_character VALUE
	rest=$(printf '%s' "$1" | sed 's/^[ -~]*//')
	case $(printf '%s' "$rest" | head -c 1 | od -An -tx1 | tr -d ' \n') in
	f?) head=4 ;;
	e?) head=3 ;;
	c? | d?) head=2 ;;
	*) head=1 ;;
	esac
	printf '%s' "$rest" | head -c "$head"
}

# Prints the character of ASCII that a full-width one stands for.
half_of() { # half_of CHARACTER
	# shellcheck disable=SC2046 # a word for each byte
	set -- $(printf '%s' "$1" | od -An -tu1)
	case "$1 $2" in
	'239 188') printf '%b' "\\0$(printf %o $(($3 - 96)))" ;;
	'239 189') printf '%b' "\\0$(printf %o $(($3 - 32)))" ;;
	'227 128')
		case $3 in
		130) printf . ;;
		129) printf , ;;
		esac
		;;
	'226 128')
		case $3 in
		156 | 157) printf '"' ;;
		152 | 153) printf "'" ;;
		esac
		;;
	esac
}

ascii() { # fails if there is something that is not printable ASCII
	odd=$(odd_character "$value")
	[ -n "$odd" ] || return 0
	case $odd in
	[!-~]) bad control ;;
	*)
		half=$(half_of "$odd")
		if [ -n "$half" ]; then
			bad fullwidth "$odd" "$half"
		elif has "$(printf '%s' "$blank" | tr '|' ' ')" "$odd"; then
			bad blank
		else
			bad foreign "$odd"
		fi
		;;
	esac
	return 1
}

word() { # fails if it is not one word of ASCII
	ascii || return 1
	case $value in
	'') bad empty ;;
	*' '*) bad blank ;;
	esac
	[ -z "$wrong" ]
}

# Prints the first character that is not of a class.
other_than() { # other_than CLASS
	printf '%s' "$value" | sed "s/^[$1]*//" | head -c 1
}

alnum() { # fails if there is something but letters and digits
	odd=$(other_than A-Za-z0-9)
	[ -z "$odd" ] || bad alnum "$odd"
	[ -z "$wrong" ]
}

whole_path() {
	word || return 1
	case $value in
	*[\"\'\\\|\&\$]*) bad path.characters ;;
	/*) value=${value%/} ;;
	*) bad absolute "$value" ;;
	esac
	[ -z "$wrong" ]
}

check_config() {
	whole_path || return 0
	case $value in
	/home/* | /root/*) ! is_root || bad path.home "$value" ;;
	esac
	[ ! -d "$value" ] || bad file "$value"
	[ -n "$wrong" ] || [ ! -e "$value" ] || edit list <"$value" >/dev/null || bad config "$value"
}

check_path() {
	word || return 0
	odd=$(other_than A-Za-z0-9._~-)
	[ -z "$odd" ] || bad path "$odd"
	case $value in
	- | . | .. | thirdPartyDataSource | access_token) bad path.taken "$value" ;;
	esac
	[ ${#value} -le 64 ] || bad length ${#value} '1-64'
}

check_name() {
	case $(printf '%s' "$value" | tr -d '\001-\037\177') in
	"$value") ;;
	*) bad control ;;
	esac
}

is_within() { # is_within NUMBER LEAST MOST
	case $1 in
	'' | *[!0-9]* | ???????*) return 1 ;;
	esac
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_host() { # is_host NAME
	case $1 in
	'' | *[!A-Za-z0-9.-]* | -* | .* | *. | *-.* | *..*) return 1 ;;
	esac
}

check_host() {
	word || return 0
	scheme=
	case $value in
	http://*) scheme=http:// ;;
	https://*) scheme=https:// ;;
	esac
	name=${value#"$scheme"}
	name=${name%%/*}
	case $name in
	'') bad empty ;;
	*:80 | *:443) name=${name%:*} ;;
	*:*) bad host.port ;;
	esac
	case $name in
	*.*) is_host "$name" || [ -n "$wrong" ] || bad host "$name" ;;
	*) [ -n "$wrong" ] || bad host "$name" ;;
	esac
	value=$scheme$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')
}

check_appid() {
	word || return 0
	case $value in
	gh_*) bad appid.original ;;
	wx*)
		[ -z "$(printf '%s' "${value#wx}" | tr -d 0-9a-f)" ] || bad appid.hex
		[ ${#value} = 18 ] || bad length ${#value} 18
		;;
	*) bad appid.start ;;
	esac
}

check_token() {
	[ -n "$value" ] || value=$(random_text 32)
	word && alnum || return 0
	is_within ${#value} 3 32 || bad length ${#value} 3-32
}

check_aes_key() {
	# The last character has four bits of the key, and no others.
	[ -n "$value" ] || value=$(random_text 42)$(random_text 1 AEIMQUYcgkosw048)
	word || return 0
	case $value in
	*=) bad aes_key.padded ;;
	*) ! alnum || [ ${#value} = 43 ] || bad length ${#value} 43 ;;
	esac
}

random_text() { # random_text LENGTH [CHARACTERS]
	tr -dc "${2:-A-Za-z0-9}" </dev/urandom | head -c "$1"
}

check_mode() {
	case $(printf '%s' "$value" | tr '[:lower:]' '[:upper:]') in
	1 | SAFE | 安全*) value=SAFE ;;
	2 | COMPATIBLE | 兼容*) value=COMPATIBLE ;;
	3 | PLAIN | 明文*) value=PLAIN ;;
	*) bad mode ;;
	esac
}

check_qt_url() {
	word || return 0
	case $value in
	http://* | https://*) ;;
	*://*) bad url.scheme ;;
	*.*) value=https://$value ;;
	*) bad url.scheme ;;
	esac
	[ -z "$wrong" ] || return 0
	rest=${value#*://}
	case $rest in
	*[\"\\]* | *@* | *'#'*) bad url.more && return ;;
	esac
	authority=${rest%%[/?]*}
	check_authority "$authority"
	# QT takes messages at one path only.
	case ${rest#"$authority"} in
	'' | /) value=${value%/}/server/thirdPartyDataSource ;;
	esac
}

check_authority() { # check_authority HOST[:PORT]
	case $1 in
	'['*']') return ;;
	'['*']':*) place=127.0.0.1 port=${1##*:} ;;
	*:*) place=${1%:*} port=${1##*:} ;;
	*) place=$1 port=80 ;;
	esac
	is_host "$place" || bad url.host "$place"
	is_within "$port" 1 65535 || bad url.port "$port"
}

check_app_key() {
	case $value in
	-) ;;
	*) check_service_id ;;
	esac
}

check_service_id() {
	word || return 0
	[ ${#value} -le 256 ] || bad key.long ${#value}
}

check_service_secret() {
	check_service_id
}

check_secret() {
	[ -n "$value" ] || return 0
	word && alnum || return 0
	[ ${#value} = 32 ] || bad length ${#value} 32
}

check_server() {
	case $value in
	nginx | apache | lighttpd | caddy | cgi | none) ;;
	apache2 | httpd) value=apache ;;
	openresty | tengine) value=nginx ;;
	*) bad server ;;
	esac
}

check_cgi_dir() {
	whole_path || return 0
	[ -d "$value" ] || bad directory "$value"
}

check_user() {
	word || return 0
	case $value in
	root) bad user.root ;;
	*) id -u -- "$value" >/dev/null 2>&1 || bad user "$value" ;;
	esac
}

check_state_dir() {
	whole_path || return 0
	case $value/ in
	"${answer_cgi_dir:-/var/www}"/*) bad state "${answer_cgi_dir:-/var/www}" ;;
	esac
}

check_prefix() {
	whole_path
}

check_server_conf() {
	[ -z "$value" ] || whole_path
}

check_certificate() {
	[ -n "$value" ] || return 0
	whole_path || return 0
	[ -f "$value" ] || bad file "$value"
}

check_certificate_key() {
	check_certificate
}

check_port() {
	is_within "$value" 1024 65535 || bad port "$value"
}

check_reload() {
	case $value in
	[Yy] | [Yy]es | 是) value=y ;;
	[Nn] | [Nn]o | 否) value=n ;;
	*) bad yes ;;
	esac
}

check_answer() { # check_answer KEY VALUE: sets $value and $wrong
	wrong=
	clean "$2"
	"check_$1"
}

#
# Defaults.
#

# Prints the web servers that run here, then those that are installed.
servers_here() {
	for pair in nginx:nginx apache2:apache httpd:apache lighttpd:lighttpd caddy:caddy; do
		! grep -qsx "${pair%:*}" /proc/[0-9]*/comm || echo "${pair#*:}"
	done
	for pair in nginx:nginx apache2:apache httpd:apache lighttpd:lighttpd caddy:caddy; do
		! (PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "${pair%:*}" >/dev/null) ||
		    echo "${pair#*:}"
	done
	echo nginx
}

default_server() {
	if is_root; then
		servers_here | head -n 1
	else
		echo cgi
	fi
}

first_user() { # first_user NAME...: prints the first of them that this host has
	for name; do
		! id -u "$name" >/dev/null 2>&1 || {
			echo "$name"
			return
		}
	done
}

default_user() {
	case $(get server) in
	nginx) first_user www-data nginx www http nobody ;;
	apache) first_user www-data apache www http nobody ;;
	lighttpd) first_user www-data lighttpd http nobody ;;
	*) first_user www-data caddy http nobody ;;
	esac
}

# Prints the user of the web server itself, whose group may use the sockets.
server_user() {
	case $(get server) in
	nginx) first_user www-data nginx www http nobody ;;
	caddy) first_user caddy www-data nobody ;;
	*) get user ;;
	esac
}

# Prints whose the state of the configuration is that is there already.
owner_of_state() {
	present_state && [ -d "$(get state_dir)" ] &&
	    find "$(get state_dir)" -prune ! -user root -exec ls -ld {} + | awk '{ print $3; n++ } END { exit !n }'
}

default_cgi_dir() {
	for dir in public_html www htdocs httpdocs; do
		[ ! -d "$HOME/$dir" ] || {
			echo "$HOME/$dir"
			return
		}
	done
	echo "$HOME/public_html"
}

default_of() { # default_of KEY: prints it; for an account that is there, what it has
	if [ -n "$present" ] && old=$(present_value "$1") && [ -n "$old" ]; then
		printf '%s\n' "$old"
		return
	fi
	case $1 in
	config) if is_root; then echo /etc/qtoa/config.h; else echo "$HOME/qtoa/config.h"; fi ;;
	path) echo wechat ;;
	mode) echo SAFE ;;
	server) default_server ;;
	user) if is_root; then owner_of_state || default_user; else id -un; fi ;;
	cgi_dir) default_cgi_dir ;;
	state_dir) if is_root; then echo /var/lib/qtoa; else echo "$HOME/qtoa/state"; fi ;;
	prefix) if is_root; then echo /usr/local; else echo "$HOME/.local"; fi ;;
	port) echo 8080 ;;
	reload) echo y ;;
	esac
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
# Questions.
#

# True: nobody needs to be asked.
is_settled() { # is_settled KEY
	case $1 in
	aes_key) [ "$(get mode)" = PLAIN ] ;;
	cgi_dir) [ "$(get server)" != cgi ] ;;
	user) ! is_root ;;
	state_dir) [ -e "$(get config)" ] ;;
	name | prefix | server_conf | certificate | certificate_key | port | reload) ;;
	*) return 1 ;;
	esac
}

# What stands in brackets: a secret is not shown.
shown_default() { # shown_default KEY DEFAULT
	if [ -n "$2" ] && has "$secrets" "$1"; then
		text as-it-is
	else
		printf '%s\n' "$2"
	fi
}

read_line() { # sets $line
	IFS= read -r line || [ -n "$line" ] || die "$(text ended)" ''
}

ask() { # ask KEY: until the answer is good
	default=$(default_of "$1")
	shown=$(shown_default "$1" "$default")
	[ "$1" != appid ] && [ "$1" != qt_url ] || printf '\n%s\n' "$(text "$1.hint")"
	while :; do
		printf '%s%s: ' "$(text "$1.ask")" "${shown:+ [$shown]}"
		read_line
		clean "$line"
		[ -n "$value" ] || value=$default
		given=$line
		check_answer "$1" "$value"
		[ -n "$wrong" ] || break
		printf '    %s\n' "$wrong"
	done
	put "$1" "$value"
	! has 'token aes_key' "$1" || [ -n "$given$default" ] || printf '    %s: %s\n' "$(text random)" "$value"
}

consent() { # consent KEY VALUE...: y is the default
	[ -z "$yes" ] || return 0
	while :; do
		printf '%s [y]: ' "$(text "$@")"
		read_line
		clean "$line"
		wrong=
		value=${value:-y}
		check_reload
		[ -n "$wrong" ] || break
		printf '    %s\n' "$wrong"
	done
	[ "$value" = y ]
}

ask_all() {
	text intro
	for key in $keys; do
		if is_settled "$key"; then
			settle "$key" ''
			continue
		fi
		[ "$key" != path ] || [ ! -e "$(get config)" ] || text there-are "$(get config)" \
		    "$(edit list <"$(get config)" | paste -s -d , - | sed 's/,/, /g')"
		ask "$key"
		[ "$key" != path ] || look_for_account
	done
	[ -z "$present" ] || consent change.ask "$(get config)" "$(get path)" ||
	    die "$(text refused)" ''
	consent write.ask || die "$(text refused)" ''
}

# Takes a value without a question: what was given, or the default.
settle() { # settle KEY VALUE
	[ "$1" != aes_key ] || [ "$(get mode)" != PLAIN ] || return 0
	case $1 in
	cgi_dir) [ "$(get server)" = cgi ] || return 0 ;;
	user) is_root || [ -z "$2" ] || set -- "$1" '' ;;
	state_dir) ! present_state || return 0 ;;
	esac
	asked=$2
	[ -n "$asked" ] || asked=$(default_of "$1")
	check_answer "$1" "$asked"
	put "$1" "$value"
}

# True: the file is there, and says where the state is.
present_state() {
	[ -e "$(get config)" ] || return 1
	found=$(edit setting field=state_dir <"$(get config)")
	case $found in
	/*) put state_dir "$found" ;;
	'') put state_dir /var/lib/qtoa ;;
	*) return 1 ;;
	esac
}

#
# Answers from a file.
#

fault() { # fault LINE KEY VALUE...
	what=answers.$2 order=$1
	shift 2
	printf '%s\t%s\n' "$order" "$(text "$what" "$@")" >>"$tmp/faults"
	faults=$((faults + 1))
}

# Reads all lines before any is judged, since one may stand before another that it needs.
# shellcheck disable=SC2094 # the name of the file is only printed
read_answers() { # read_answers FILE
	[ -r "$1" ] || die "$(text answers.none "$1")" ''
	faults=0 number=0
	: >"$tmp/faults"
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		clean "$line"
		case $value in
		'' | '#'*) ;;
		*=*) take_answer "$1" "${value%%=*}" "${value#*=}" ;;
		*) fault "$number" line "$1" "$number" "$(printf '%.20s...' "$value" | tr -cd ' -~')" ;;
		esac
	done <"$1"
	for key in $keys; do
		judge_answer "$1" "$key"
		[ "$key" != path ] || look_for_account
	done
	[ -z "$present" ] || [ -n "$yes" ] || {
		fault 999999 change "$(get config)" "$(get path)"
	}
	sort -s -n "$tmp/faults" | cut -f 2- >&2
	[ "$faults" = 0 ] || die "$(text answers.number "$1" "$faults")" ''
}

take_answer() { # take_answer FILE KEY VALUE
	clean "$2"
	key=$value
	clean "$3"
	case $value in
	\"?*\") value=${value#?} value=${value%?} ;;
	esac
	case $key in
	'' | *[!a-z_]*) fault "$number" line "$1" "$number" "$(printf '%.20s' "$key" | tr -cd ' -~')" && return ;;
	esac
	if ! has "$keys" "$key"; then
		fault "$number" unknown "$1" "$number" "$key" "$(printf '%s' "$keys" | tr '\n' ' ')"
	elif eval "[ -n \"\${line_$key-}\" ]"; then
		fault "$number" twice "$1" "$number" "$key"
	else
		eval "line_$key=\$number given_$key=\$value"
	fi
}

judge_answer() { # judge_answer FILE KEY
	eval "at=\${line_$2-} asked=\${given_$2-}"
	settle "$2" "$asked"
	[ -n "$wrong" ] || return 0
	if [ -n "$at" ]; then
		fault "$at" wrong "$1" "$at" "$2" "$wrong"
	elif has "$needed" "$2"; then
		fault 999999 missing "$1" "$2" "$wrong"
	else
		fault 999999 wrong-default "$1" "$2" "$wrong"
	fi
	wrong=
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
	[ -d "$(dirname "$config")" ] || command install -d -m "$pass" "$(dirname "$config")"
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
# The web server.
#

turn_on() { # turn_on BLOCK: of an example, as its head explains
	sed "/^[	]*# ---- $1:/,/^[	]*# ----\$/s/^\\([	]*\\)#\\([^ ]\\)/\\1\\2/"
}

turn_off() { # turn_off BLOCK
	sed "/^# ---- $1:/,/^# ----\$/s/^[^#]/#&/"
}

maybe() { # maybe CONDITION COMMAND...: the command, or nothing but its input
	if [ -n "$1" ]; then
		shift
		"$@"
	else
		cat
	fi
}

fill() { # fill EXAMPLE: prints it with the values of this account
	sed -e "s|/usr/local/bin/qtoa|$program|g" -e "s|/var/lib/qtoa|$(get state_dir)|g" \
	    -e "s|/etc/letsencrypt/live/wechat.example.com/fullchain.pem|${certificate:-&}|g" \
	    -e "s|/etc/letsencrypt/live/wechat.example.com/privkey.pem|${certificate_key:-&}|g" \
	    -e "s|wechat\\.example\\.com|$host|g" "$top/$1"
}

make_nginx() {
	params=/etc/nginx/fastcgi_params
	[ -e "$params" ] || params=fastcgi_params
	logs=/var/log/nginx
	[ -d "$logs" ] || [ ! -d /www/wwwlogs ] || logs=/www/wwwlogs
	fill examples/nginx-example.conf | sed -e "s|/etc/nginx/fastcgi_params|$params|" \
	    -e "s|/var/log/nginx|$logs|" -e 's|127.0.0.1 127.0.0.1;|127.0.0.1;|' |
	    maybe "$certificate" turn_on tls
}

make_apache() {
	fill apache-example.conf | maybe "$certificate" turn_on tls |
	    maybe "$sockets" turn_off fcgid | maybe "$sockets" turn_on proxy
}

# A user who is not root starts a lighttpd that is for qtoa alone.
make_lighttpd() {
	alone=
	is_root || alone=yes
	fill examples/lighttpd-example.conf | maybe "$certificate" turn_on tls |
	    maybe "$alone" turn_on alone | maybe "$alone" sed -e "s|8080|$(get port)|" \
	        -e "s|^\\(var.qtoa.run.*=\\).*|\\1 \"$(dirname "$(get state_dir)")/run\"|"
	[ -z "$alone" ] || (umask 077 && mkdir -p "$(dirname "$(get state_dir)")/run")
}

make_caddy() {
	fill examples/Caddyfile-example
}

# Where a server has its files: the directory, the name, and a command that switches it on.
place_of() { # place_of SERVER: sets $file and $switch
	switch=:
	case $1 in
	nginx)
		file=/etc/nginx/conf.d/qtoa.conf
		if [ -d /www/server/panel/vhost/nginx ]; then
			file=/www/server/panel/vhost/nginx/qtoa.conf
		elif [ -d /etc/nginx/sites-available ]; then
			file=/etc/nginx/sites-available/qtoa
			switch='ln -sf ../sites-available/qtoa /etc/nginx/sites-enabled/qtoa'
		fi
		;;
	apache)
		file=/etc/httpd/conf.d/qtoa.conf
		if [ -d /etc/apache2/conf-available ]; then
			file=/etc/apache2/conf-available/qtoa.conf
			modules=fcgid
			[ -z "$sockets" ] || modules=proxy_fcgi
			switch="a2enmod -q $modules ${certificate:+ssl} && a2enconf -q qtoa"
		fi
		;;
	lighttpd)
		file=/etc/lighttpd/conf.d/qtoa.conf
		if [ -d /etc/lighttpd/conf-available ]; then
			file=/etc/lighttpd/conf-available/50-qtoa.conf
			switch='lighty-enable-mod qtoa >/dev/null || [ $? = 2 ]'
		fi
		;;
	caddy) file=/etc/caddy/Caddyfile ;;
	esac
}

# Commands of the server: the service, the test of its files, and what a change needs.
commands_of() { # commands_of SERVER: sets $service, $try and $again
	case $1 in
	nginx) service=nginx try='nginx -t' again=reload ;;
	apache)
		service=apache2 try='apache2ctl configtest' again=reload
		command -v apache2ctl >/dev/null || service=httpd try='httpd -t'
		;;
	lighttpd) service=lighttpd try='lighttpd -tt -f /etc/lighttpd/lighttpd.conf' again=restart ;;
	caddy)
		service=caddy again=reload
		try='caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile'
		;;
	esac
}

# Starts the processes for a web server that starts none itself.
start_sockets() {
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		systemctl -q enable --now qtoa.socket qtoa-collector.socket qtoa.service
		systemctl restart qtoa.socket qtoa-collector.socket qtoa.service
		say server "$(text server.sockets)"
		return
	fi
	command -v spawn-fcgi >/dev/null || die 'spawn-fcgi' "$(text server.absent spawn-fcgi)"
	command install -d -o "$owner" -g "$web_group" -m 0750 /run/qtoa
	for name in forwarder collector; do
		[ ! -s "/run/qtoa/$name.pid" ] || kill "$(cat "/run/qtoa/$name.pid")" 2>/dev/null || :
		rm -f "/run/qtoa/$name.sock"
		spawn-fcgi -s "/run/qtoa/$name.sock" -M 0660 -b 1024 -U "$owner" -G "$web_group" \
		    -u "$owner" -g "$group" -P "/run/qtoa/$name.pid" -- "$program" >/dev/null
	done
	say server "$(text server.spawned)"
}

# Puts the file into the server's own directory; if the server does not like it, all is as before.
put_into_place() { # put_into_place SERVER
	place_of "$1"
	commands_of "$1"
	was=
	[ ! -e "$file" ] || was=$(back_up "$file")
	if grep -qs "example.*: qtoa behind" "$file"; then
		add_host "$1"
	elif [ "$1" = caddy ] && has_own_sites "$file"; then
		sed '/^{$/,/^}$/d' "$tmp/server" >/etc/caddy/qtoa.caddy
		grep -qxF 'import /etc/caddy/qtoa.caddy' "$file" ||
		    printf '\nimport /etc/caddy/qtoa.caddy\n' >>"$file"
		say server "$(text server.caddy "$file" /etc/caddy/qtoa.caddy)"
	else
		mkdir -p "$(dirname "$file")"
		cp "$tmp/server" "$file"
		chmod 644 "$file"
	fi
	[ -z "$was" ] || ! cmp -s "$was" "$file" || rm -f "$was"
	if eval "$switch" >"$tmp/test" 2>&1 && $try >>"$tmp/test" 2>&1 &&
	    ! grep -q "conflicting server name \"$host\"" "$tmp/test"; then
		say server "$(text placed "$file")"
		return
	fi
	take_away "$1"
}

# The file is ours, and the operator may have changed it: only a host that it does not know is added.
add_host() { # add_host SERVER
	grep -qwF "$host" "$file" || case $1 in
	nginx) sed -i "s/^\([[:blank:]]*server_name[[:blank:]]\)/\1$host /" "$file" ;;
	caddy) sed -i "s|^http://127.0.0.1, |&$host, |" "$file" ;;
	esac
}

# True: the Caddyfile is neither Debian's nor ours.
has_own_sites() { # has_own_sites FILE
	[ -e "$1" ] &&
	    grep -v '^[[:blank:]]*#' "$1" | tr -d ' \t\n' |
	    grep -qvx ':80{root\*/usr/share/caddyfile_server}'
}

take_away() { # take_away SERVER
	if [ -n "$was" ] && [ -e "$was" ]; then
		cp "$was" "$file"
	else
		rm -f "$file"
		case $1 in
		nginx) rm -f /etc/nginx/sites-enabled/qtoa ;;
		apache) a2disconf -q qtoa >/dev/null 2>&1 || : ;;
		lighttpd) rm -f /etc/lighttpd/conf-enabled/50-qtoa.conf ;;
		esac
	fi
	kept=$(dirname "$config")/$1.conf
	cp "$tmp/server" "$kept"
	if grep -q 'conflicting server name' "$tmp/test"; then
		die "$(text server.conflict "$host" "$kept")" ''
	fi
	cat "$tmp/test" >&2
	die "$(text server.test "$1" "$kept")" ''
}

run_service() { # run_service VERB
	if [ -d /run/systemd/system ]; then
		systemctl -q enable "$service" 2>/dev/null || :
		systemctl is-active -q "$service" || set -- restart
		systemctl "$1" "$service"
	elif command -v service >/dev/null; then
		service "$service" status >/dev/null 2>&1 || set -- restart
		service "$service" "$1"
	else
		return 1
	fi
}

place_server() {
	front=$(get server)
	case $front in
	none) return ;;
	cgi)
		place_htaccess
		return
		;;
	esac
	"make_$front" >"$tmp/server"
	if ! is_root || [ -n "$(get server_conf)" ]; then
		hand_over
		return
	fi
	[ -z "$sockets" ] || start_sockets
	put_into_place "$front"
	if [ "$(get reload)" = y ] && consent reload.ask "$front"; then
		run_service "$again" >"$tmp/test" 2>&1 || {
			[ ! -d /run/systemd/system ] ||
			    journalctl -q --no-pager -o cat -n 5 -u "$service" >"$tmp/test" 2>&1 || :
			cat "$tmp/test" >&2
			say server "$(text server.waits "systemctl $again $service")"
			failed=1
			return
		}
		say server "$front: $(text server.running)"
		reachable=http://$host:80
		[ -z "$certificate" ] || reachable=https://$host:443
		# It may not have its certificate yet.
		[ "$front" != caddy ] || reachable=http://127.0.0.1:80
	else
		say server "$(text server.waits "systemctl $again $service")"
	fi
}

# Leaves the file where it was asked for.
hand_over() {
	file=$(get server_conf)
	file=${file:-$(dirname "$config")/$front.conf}
	mkdir -p "$(dirname "$file")"
	[ ! -e "$file" ] || cmp -s "$tmp/server" "$file" || back_up "$file" >"$tmp/was"
	cp "$tmp/server" "$file"
	chmod 644 "$file"
	if [ "$front" = lighttpd ] && ! is_root; then
		say server "$(text server.alone "lighttpd -D -f $file")"
	else
		say server "$(text server.by-hand "$file")"
	fi
}

place_htaccess() {
	file=$(get cgi_dir)/.htaccess
	if ! grep -qsF 'qtoa.cgi' "$file"; then
		[ ! -e "$file" ] || cp -p "$file" "$(dirname "$config")/htaccess.before"
		cat "$top/examples/htaccess-example" >>"$file"
		chmod 644 "$file"
	fi
	say server "$(text placed "$(get cgi_dir)/qtoa.cgi, $file")"
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
	if is_root && [ -z "$certificate" ] && [ -e "/etc/letsencrypt/live/$host/fullchain.pem" ]; then
		certificate=/etc/letsencrypt/live/$host/fullchain.pem
	fi
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
	for file in /etc/apache2/mods-available/fcgid.load /etc/httpd/modules/mod_fcgid.so \
	    /usr/lib/apache2/modules/mod_fcgid.so; do
		[ ! -e "$file" ] || return 0
	done
	return 1
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
	[ -z "$sockets" ] || [ -d /run/systemd/system ] || set -- "$@" spawn-fcgi
	install_as_root "$@" curl
}

account() { # account OPTION...
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
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
	run_check
	probe
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
