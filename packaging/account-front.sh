#!/bin/sh
#
# account-front.sh: a part of packaging/account.sh: puts the example of a web server into place.  If
# the server does not like it, all is as before.

# shellcheck disable=SC2154,SC2034 # what account.sh sets, and what functions hand over to each other

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

#
# A control panel has its own nginx, and a file for each site, which it writes again and again; what
# is in extension/SITE stays.
#

# True: the program of this server is the panel's.
is_of_panel() { # is_of_panel SERVER
	case $1 in
	nginx) [ -x "$panel/../nginx/sbin/nginx" ] ;;
	apache*) [ -d "$panel/../apache/conf" ] ;;
	*) return 1 ;;
	esac
}

# Prints the directory whose files the panel's site for this host includes.
site_extension() { # site_extension HOST
	name=$(printf '%s' "$1" | sed 's/\./\\./g')
	grep -lE "^[[:blank:]]*server_name([[:blank:]].*)?[[:blank:]]${name}[[:blank:];]" \
	    "$panel"/vhost/nginx/*.conf 2>/dev/null | grep -v '/qtoa\.conf$' | while read -r site; do
		sed -n 's|^[[:blank:]]*include[[:blank:]]\{1,\}\(/.*/extension/.*\)/\*\.conf;.*|\1|p' "$site" |
		    head -n 1
	done | head -n 1
}

make_nginx() {
	if is_root && [ -n "$(site_extension "$host")" ]; then
		fill examples/nginx-panel-example.conf
		return
	fi
	params=/etc/nginx/fastcgi_params
	[ -e "$params" ] || params=fastcgi_params
	logs=/var/log/nginx
	! is_of_panel nginx || logs=/www/wwwlogs params=fastcgi_params
	fill examples/nginx-example.conf | sed -e "s|/etc/nginx/fastcgi_params|$params|" \
	    -e "s|/var/log/nginx|$logs|" -e 's|127.0.0.1 127.0.0.1;|127.0.0.1;|' |
	    maybe "$certificate" turn_on tls
}

make_apache() {
	# The site of a panel has HTTPS already.
	tls=$certificate
	! is_of_panel apache || tls=
	fill apache-example.conf | maybe "$tls" turn_on tls |
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
		extension=$(site_extension "$host")
		if [ -n "$extension" ]; then
			file=$extension/qtoa.conf
		elif [ -d "$panel/vhost/nginx" ]; then
			file=$panel/vhost/nginx/qtoa.conf
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
		! is_of_panel apache || file=$panel/vhost/apache/qtoa.conf switch=:
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
commands_of() { # commands_of SERVER: sets $service, $try, $again and $by_hand
	if is_of_panel "$1"; then
		commands_of_panel "$1"
		return
	fi
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
	by_hand="systemctl $again $service"
}

# The panel starts its servers with scripts of its own, so systemd does not know whether they run.
commands_of_panel() { # commands_of_panel SERVER
	again=reload
	case $1 in
	nginx) service=nginx try="$panel/../nginx/sbin/nginx -t" ;;
	apache) service=httpd try="$panel/../apache/bin/httpd -t" ;;
	esac
	by_hand="/etc/init.d/$service $again"
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
		fill examples/nginx-panel-example.conf >"$kept"
		die "$(text server.conflict "$host" "$kept")" ''
	fi
	cat "$tmp/test" >&2
	die "$(text server.test "$1" "$kept")" ''
}

run_service() { # run_service VERB
	if is_of_panel "$front"; then
		"/etc/init.d/$service" "$1" || "/etc/init.d/$service" start
	elif [ -d /run/systemd/system ]; then
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
			say server "$(text server.waits "$by_hand")"
			failed=1
			return
		}
		say server "$front: $(text server.running)"
		reachable=http://$host:80
		[ -z "$certificate" ] || reachable=https://$host:443
		# It may not have its certificate yet.
		[ "$front" != caddy ] || reachable=http://127.0.0.1:80
	else
		say server "$(text server.waits "$by_hand")"
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
