#!/bin/sh
#
# demo-cluster.sh: `./setup demo --cluster`, sourced by setup: two hosts of qtoa, a balancer, QT, and
# three PostgreSQL servers, all on this machine; the primary and one of the hosts are killed.  With
# DEMO_B, a directory, what all configurations share is built there and stays.
# shellcheck shell=sh
# shellcheck disable=SC2154 # variables of setup

pg() { # pg VERB: see the example
	$as_user sh "$top/examples/postgres-try-example.sh" "$1" "$tmp/pg"
}

stop_cluster() {
	for name in balancer a b qt; do
		stop_web "$name"
	done
	[ ! -d "$tmp/pg" ] || pg stop >/dev/null 2>&1 || :
}

#
# A web server each: for the hosts a and b, for QT, and the balancer.
#

stop_web() { # stop_web NAME
	[ -s "$tmp/$1.pid" ] || return 0
	read -r pid reader <"$tmp/$1.pid"
	kill "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
	wait "$reader" 2>/dev/null || :
	rm -f "$tmp/$1.pid"
}

# A host as it dies: no process of it goes on.
kill_web() { # kill_web NAME
	read -r pid reader <"$tmp/$1.pid"
	# shellcheck disable=SC2046 # one word for each process
	kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children") 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
	wait "$reader" 2>/dev/null || :
	rm -f "$tmp/$1.pid"
}

write_host_conf() { # write_host_conf NAME PORT QT_PORT STORE
	of=$(printf '%s' "$4" | sed 's/&/\\&/g')
	{
		sed -e "/^# ---- values/,/^# ----\$/{
			s|^\\(var.qtoa.program[^=]*\\)=.*|\\1= \"$tmp/qtoa\"|
			s|^\\(var.qtoa.run[^=]*\\)=.*|\\1= \"$tmp/$1.run\"|
			s|\\(\"QTOA_QT_URL\"[^=]*=> \\).*|\\1\"http://127.0.0.1:$3/server/thirdPartyDataSource\",|
			s|\\(\"QTOA_STATE_DIR\"[^=]*=> \\).*|\\1\"$tmp/$1.state\", \"QTOA_STORE\" => \"$of\",|
		}" -e "/^# ---- alone/,/^# ----\$/{
			s/^#\\([^ ]\\)/\\1/
			s/^\\(server.port[^=]*\\)=.*/\\1= $2/
		}" "$top/examples/lighttpd-example.conf"
		# What QT was asked for.
		printf 'server.modules += ( "mod_accesslog" )\naccesslog.filename = "%s"\n' \
		    "$tmp/$1.run/access.log"
	} >"$tmp/$1.conf"
}

write_balancer_conf() { # write_balancer_conf PORT
	sed -e "/^# ---- values/,/^# ----\$/{
		s|^\\(server.port[^=]*\\)=.*|\\1= $1|
		s|^\\(server.errorlog[^=]*\\)=.*|\\1= \"$tmp/balancer.run/error.log\"|
		s|\"10.0.0.1\", \"port\" => 80|\"127.0.0.1\", \"port\" => $port_a|
		s|\"10.0.0.2\", \"port\" => 80|\"127.0.0.1\", \"port\" => $port_b|
	}" "$top/examples/lighttpd-balancer-example.conf" >"$tmp/balancer.conf"
}

write_web_conf() { # write_web_conf NAME PORT
	case $1 in
	balancer) write_balancer_conf "$2" ;;
	qt) write_host_conf qt "$2" "$2" '' ;;
	*) write_host_conf "$1" "$2" "$port_qt" "$store" ;;
	esac
}

web_is_up() { # web_is_up NAME PID
	timeout 10 tail -q -n +1 -s 0.1 -F --pid="$2" "$tmp/$1.run/error.log" 2>/dev/null |
	    grep -q 'server started'
}

start_web() { # start_web NAME: sets port_NAME
	lighttpd=$(command -v lighttpd || echo /usr/sbin/lighttpd)
	for dir in run state; do
		mkdir -m 700 "$tmp/$1.$dir"
		[ -z "$as_user" ] || chown nobody:nogroup "$tmp/$1.$dir"
	done
	mkfifo "$tmp/$1.pipe"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		write_web_conf "$1" "$port"
		cat <"$tmp/$1.pipe" >"$tmp/$1.out" &
		reader=$!
		$as_user "$lighttpd" -D -f "$tmp/$1.conf" >"$tmp/$1.pipe" 2>&1 &
		echo "$! $reader" >"$tmp/$1.pid"
		if web_is_up "$1" $!; then
			eval "port_$1=$port"
			return
		fi
		stop_web "$1"
	done
	cat "$tmp/$1.out" "$tmp/$1.run/error.log" >&2 || :
	die "$(text demo.start)" "$(text build.above)"
}

#
# Messages.
#

as_host() { # as_host NAME ARGUMENT...: runs qtoa as the operator of that host does
	name=$1
	shift
	case $name in
	qt) of= ;;
	*) of=$store ;;
	esac
	$as_user env "QTOA_QT_URL=http://127.0.0.1:$port_qt/server/thirdPartyDataSource" \
	    "QTOA_STATE_DIR=$tmp/$name.state" "QTOA_STORE=$of" "$tmp/qtoa" "$@"
}

# Writes a message with a number of its own; $sent of them were written.
write_message() {
	sent=$((sent + 1))
	sed -e "s|\(<CreateTime>\)[0-9]*|\1$(date +%s)|" \
	    -e "s|\(<MsgId>\)[0-9]*|\1$(date +%s)$((10000 + sent))|" \
	    "$top/demo/messages/3-text.xml" >"$tmp/message.xml"
}

# Sends it to the balancer, or to a host.  WeChat sends it again, twice, if it is not told `success`.
push() { # push PORT
	for _ in 1 2 3; do
		said=$(as_host b send demo "http://127.0.0.1:$1/qtoa/demo" "$tmp/message.xml" 2>&1) || :
		case $said in
		'200 success '*)
			acknowledged=$((acknowledged + 1))
			return
			;;
		esac
		repeats=$((repeats + 1))
		sleep 1
	done
	row '' "$said"
	failed=$((failed + 1))
}

push_some() { # push_some N
	for _ in $(seq "$1"); do
		write_message
		push "$port_balancer"
	done
}

# The messages that QT has counted.
counted_by_qt() {
	as_host qt report days --csv | awk -F, 'NR > 1 { n += $3 } END { print n + 0 }'
}

wait_for_qt() { # wait_for_qt N
	for _ in $(seq 300); do
		[ "$(counted_by_qt)" -lt "$1" ] || return 0
		sleep 0.2
	done
	return 1
}

judge() { # judge WHAT: QT must have all that was acknowledged, and each once
	wait_for_qt "$acknowledged" || :
	now=$(counted_by_qt)
	row '' "acknowledged $acknowledged, at QT $now"
	[ "$now" = "$acknowledged" ] || failed=$((failed + 1))
}

waiting() {
	as_host b queue export --state pending 2>/dev/null | wc -l
}

#
# The acts.
#

start_all() {
	# shellcheck disable=SC2016 # $QTOA_STORE is for config.h
	sed 's|^\(.*\)\.report_allow.*|\1.store = "$QTOA_STORE",\n\1.store_ack = REPLICA,\n&|' \
	    "$top/demo/config.h" >"$tmp/config.h"
	build "CONFIG=$tmp/config.h" "B=${DEMO_B:-$tmp/obj}" "BC=$tmp/obj" "BIN=$tmp/qtoa"
	[ -z "$as_user" ] || chown nobody:nogroup "$tmp/qtoa"
	row build "$("$tmp/qtoa" -V), $(gcc --version | sed -n '1s/ .* / /p')"
	mkdir -m 755 "$tmp/pg"
	[ -z "$as_user" ] || chown nobody:nogroup "$tmp/pg"
	pg start
	store=$(pg url)
	row PostgreSQL 'one is the primary, two and three follow; a commit waits for one of them'
	for name in qt a b; do
		start_web "$name"
	done
	row QT "the collector of the same program on 127.0.0.1:$port_qt"
	row hosts "a on 127.0.0.1:$port_a, b on 127.0.0.1:$port_b, as $user, with one store"
	start_web balancer
	row balancer "$("$lighttpd" -v | cut -d' ' -f1) on 127.0.0.1:$port_balancer"
}

act_healthy() {
	printf '\nall is well: 6 messages through the balancer, 3 to both hosts at the same moment\n'
	push_some 6
	for _ in 1 2 3; do
		write_message
		as_host a send demo "http://127.0.0.1:$port_a/qtoa/demo" "$tmp/message.xml" \
		    >"$tmp/at_a" 2>&1 &
		other=$!
		push "$port_b"
		wait "$other" && grep -q '^200 success ' "$tmp/at_a" || failed=$((failed + 1))
	done
	judge
}

act_without_qt() {
	printf '\nQT is away: 8 messages wait in the store, which both hosts see\n'
	socket=$(echo "$tmp"/qt.run/qtoa-collector.sock*)
	mv "$socket" "$tmp/qt.run/away"
	push_some 8
	row '' "acknowledged $acknowledged, $(waiting) wait"
}

act_failover() {
	printf '\nthe primary is killed, and its disk is thrown away: 8 messages meanwhile\n'
	row killed "$(pg kill)"
	rm -rf "$tmp/pg/one/data"
	push_some 4
	row '' "acknowledged $acknowledged; the hosts keep these themselves"
	begun=$(date +%s%N)
	new=$(pg promote)
	row promoted "$new, which took $((($(date +%s%N) - begun) / 1000000)) ms"
	push_some 4
	pg show | while read -r line; do
		row '' "$line"
	done
}

# Until the hosts have moved what they kept; then one of them may be lost, too.
wait_for_store() {
	for _ in $(seq 300); do
		[ "$(waiting)" -lt $((acknowledged - 9)) ] || return 0
		sleep 0.2
	done
	failed=$((failed + 1))
	row '' "ONLY $(waiting) MESSAGES ARE IN THE STORE"
}

act_without_a() {
	printf '\nhost a is killed, and its disk is thrown away: 4 messages meanwhile\n'
	wait_for_store
	row '' "$(waiting) messages wait in the store"
	kill_web a
	rm -rf "$tmp/a.state"
	push_some 4
	row '' "acknowledged $acknowledged, all by host b"
}

act_qt_again() {
	printf '\nQT is back\n'
	mv "$tmp/qt.run/away" "$socket"
	judge
	lost=$((acknowledged - $(counted_by_qt)))
	stop_web qt	# it writes its log to the end
	asked=$(grep -c 'POST /server/thirdPartyDataSource.* 200 ' "$tmp/qt.run/access.log" || :)
	row '' "QT was sent $asked messages; WeChat had to send $repeats again"
}

demo_cluster() {
	sent=0 acknowledged=0 failed=0 repeats=0
	start_all
	act_healthy
	act_without_qt
	act_failover
	act_without_a
	act_qt_again
	printf '\ndemo: %s\n' "$acknowledged of $sent messages acknowledged, $lost lost, $failed failed"
	if [ "$failed" != 0 ] || [ "$lost" != 0 ]; then
		cat "$tmp/b.out" >&2
		return 1
	fi
	stop_cluster
}
