#!/bin/sh
#
# account-answers.sh: a part of packaging/account.sh: the answers, from somebody who types or from a
# file, their defaults, and the check of each.

# shellcheck disable=SC2154,SC2034 # what setup sets, and what checks hand over to each other

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

# The file where the nginx of a panel, or of the system, is configured.
nginx_conf() {
	for file in "$panel/../nginx/conf/nginx.conf" /etc/nginx/nginx.conf; do
		[ ! -r "$file" ] || {
			echo "$file"
			return
		}
	done
}

# Prints the user of nginx's workers, if its configuration names one that this host has.
nginx_user() {
	conf=$(nginx_conf)
	[ -n "$conf" ] || return 0
	name=$(sed -n 's/^[[:blank:]]*user[[:blank:]]\{1,\}\([^;[:blank:]]*\).*/\1/p' "$conf" | head -n 1)
	[ -z "$name" ] || first_user "$name"
}

# Prints the user of the Apache of a panel: other packages may have brought www-data.
panel_user() {
	[ ! -d "$panel/../apache" ] || first_user www
}

default_user() {
	case $(get server) in
	nginx) server_user ;;
	apache) { panel_user; first_user www-data apache www http nobody; } | head -n 1 ;;
	lighttpd) first_user www-data lighttpd http nobody ;;
	*) first_user www-data caddy http nobody ;;
	esac
}

# Prints the user of the web server itself, whose group may use the sockets.
server_user() {
	case $(get server) in
	nginx) { nginx_user; first_user www-data nginx www http nobody; } | head -n 1 ;;
	apache) { panel_user; first_user www-data apache; get user; } | head -n 1 ;;
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
	is_root || ! command -v sudo >/dev/null || text intro.user
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
	state_dir)
		if present_state; then
			[ "${2:-"$(get state_dir)"}" = "$(get state_dir)" ] ||
			    bad state.other "$(get config)" "$(get state_dir)"
			return 0
		fi
		;;
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
