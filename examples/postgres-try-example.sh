#!/bin/sh
#
# postgres-try-example.sh: three PostgreSQL servers on one machine, to try .store with: a primary and
# two standbys, of which one must have what is committed.  ./setup demo --cluster has it.  An
# ordinary user runs it; it needs the package postgresql, and leaves Debian's own server alone.
#
#	sh postgres-try-example.sh start DIRECTORY	make them in that directory, and start them
#	sh postgres-try-example.sh url DIRECTORY	print what .store in config.h must be
#	sh postgres-try-example.sh show DIRECTORY	show who is the primary, and who follows
#	sh postgres-try-example.sh kill DIRECTORY	kill the primary, as a power cut does
#	sh postgres-try-example.sh promote DIRECTORY	make a standby the primary, the one that has most
#	sh postgres-try-example.sh stop DIRECTORY	end them all; then the directory may be removed
#
# The servers have no password and no network, only a socket in the directory, and do not wait for
# the disk when they are made.

set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd -P)
nodes='one two three'
port=5432	# of the sockets, which are files in the directory

die() { # die WHAT REMEDY
	printf 'postgres-try: %s; %s\n' "$1" "$2" >&2
	exit 1
}

[ $# = 2 ] || die 'usage: postgres-try-example.sh VERB DIRECTORY' 'its first lines tell the verbs'
[ "$(id -u)" != 0 ] || die 'PostgreSQL does not run as root' 'run it as another user'
verb=$1
mkdir -p "$2"
top=$(cd "$2" && pwd -P)
cd "$top"
# The newest version that is there.
bin=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
bin=${bin%/initdb}
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || :)")
[ -x "$bin/initdb" ] || die 'there is no PostgreSQL here' 'install the package postgresql'

ask() { # ask NODE SQL
	"$bin/psql" -XAtq -h "$top/$1" -p $port -U qtoa -d postgres -c "$2" 2>/dev/null
}

is_up() { # is_up NODE
	"$bin/pg_isready" -q -h "$top/$1" -p $port
}

# Prints the primary; nothing if there is none.
primary() {
	for node in $nodes; do
		if is_up "$node" && [ "$(ask "$node" 'SELECT pg_is_in_recovery()')" = f ]; then
			echo "$node"
			return
		fi
	done
}

configure() { # configure NODE
	{
		cat "$here/postgresql-example.conf"
		cat <<END
cluster_name = '$1'
listen_addresses = ''
unix_socket_directories = '$top/$1'
port = $port
shared_buffers = 16MB
max_connections = 50
wal_keep_size = 64MB
END
	} >>"$1/data/postgresql.conf"
}

start_node() { # start_node NODE
	"$bin/pg_ctl" -D "$1/data" -l "$1/log" -w -t 60 start >/dev/null ||
	    die "PostgreSQL does not start" "see $top/$1/log"
}

make_primary() { # make_primary NODE
	"$bin/initdb" -D "$1/data" -U qtoa -A trust -E UTF8 --locale=C -N >"$1/log" 2>&1 ||
	    die 'initdb fails' "see $top/$1/log"
	configure "$1"
}

make_standby() { # make_standby NODE PRIMARY
	"$bin/pg_basebackup" -D "$1/data" -h "$top/$2" -p $port -U qtoa -X stream -c fast -N -R \
	    >"$1/log" 2>&1 || die 'pg_basebackup fails' "see $top/$1/log"
	configure "$1"
}

wait_for() { # wait_for WHAT COMMAND...
	what=$1
	shift
	for _ in $(seq 300); do
		if "$@"; then
			return
		fi
		sleep 0.1
	done
	die "$what does not happen" "see the files named log in $top"
}

has_standbys() { # has_standbys NODE N
	[ "$(ask "$1" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = "$2" ]
}

start() {
	[ ! -e one/data ] || {
		for node in $nodes; do
			is_up "$node" || start_node "$node"
		done
		return
	}
	for node in $nodes; do
		mkdir -m 700 "$node"
	done
	make_primary one
	start_node one
	for node in two three; do
		make_standby "$node" one
		start_node "$node"
	done
	wait_for 'the connection of the standbys' has_standbys one 2
}

# A process that is killed leaves its children, which a power cut does not.
# While it is stopped it has no other children than those that are read here.
kill_primary() {
	node=$(primary)
	[ -n "$node" ] || die 'there is no primary' 'run: promote'
	pid=$(head -n 1 "$node/data/postmaster.pid")
	kill -STOP "$pid"
	# shellcheck disable=SC2046 # one word for each process
	kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children")
	wait_for 'the end of the primary' is_down "$node"
	echo "$node"
}

is_down() { # is_down NODE
	! is_up "$1"
}

# The standby that has most has all that was acknowledged.
most() {
	for node in $nodes; do
		! is_up "$node" || printf '%s %s\n' "$(ask "$node" "SELECT
		    lpad((pg_last_wal_receive_lsn() - '0/0')::text, 20, '0')")" "$node"
	done | sort | tail -n 1 | cut -d' ' -f2
}

promote() {
	[ -z "$(primary)" ] || die 'there is a primary' 'run: kill'
	new=$(most)
	[ -n "$new" ] || die 'no standby is left' 'run: start'
	"$bin/pg_ctl" -D "$new/data" -w promote >/dev/null
	# It still waits for a standby, so the other one must follow it.
	for node in $nodes; do
		if [ "$node" != "$new" ] && is_up "$node"; then
			ask "$node" "ALTER SYSTEM SET primary_conninfo =
			    'host=$top/$new port=$port user=qtoa'"
			ask "$node" 'SELECT pg_reload_conf()' >/dev/null
			wait_for "$node following $new" has_standbys "$new" 1
		fi
	done
	echo "$new"
}

show() {
	now=$(primary)
	for node in $nodes; do
		if ! is_up "$node"; then
			echo "$node is down"
		elif [ "$node" = "$now" ]; then
			echo "$node is the primary"
		elif [ -n "$now" ] && [ "$(ask "$now" "SELECT count(*) FROM pg_stat_replication WHERE
		    application_name = '$node' AND state = 'streaming'")" = 1 ]; then
			echo "$node follows $now"
		else
			echo "$node follows nobody"
		fi
	done
}

stop() {
	for node in $nodes; do
		[ ! -e "$node/data/postmaster.pid" ] ||
		    "$bin/pg_ctl" -D "$node/data" -m immediate stop >/dev/null 2>&1 || :
	done
}

case $verb in
start | promote | show | stop) $verb ;;
kill) kill_primary ;;
url)
	printf 'postgresql:///postgres?host=%s,%s,%s&port=%s&user=qtoa\n' "$top/one" "$top/two" \
	    "$top/three" $port
	;;
*) die "$verb is no verb" 'the first lines of this file tell them' ;;
esac
