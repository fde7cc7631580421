#!/bin/sh
#
# dates.sh all|few PROGRAM...: unit programs and the report's models at other dates and in other
# time zones.
#
# all runs each program at each date in each zone.  few has one zone for each date, and runs what
# is slow at one date only.  From the environment: DIR, where logs go; JOBS, how many run at once;
# SLOW, modules whose tests are slow; MODELS, the command of the models.
#
# The clock is libfaketime's, and ahead by a number of seconds: so it goes on, all processes of a
# test have the same, and TZ does not change it.

set -eu
export LC_ALL=C

# In UTC.  It is midnight in China at 16:00.
dates='2026-11-30 00:00:00
2026-12-31 15:59:59
2026-12-31 23:50:00
2027-01-01 00:01:00
2028-02-29 00:00:00
2030-06-30 15:59:50
2038-01-20 00:00:00'
zones='UTC Asia/Shanghai America/Los_Angeles'

lib=
for file in /usr/lib*/faketime/libfaketimeMT.so.1 /usr/lib/*/faketime/libfaketimeMT.so.1; do
	[ ! -e "$file" ] || lib=$file
done
[ -n "$lib" ] || {
	echo 'dates.sh: there is no libfaketime; see ./setup' >&2
	exit 1
}

# The monotonic clock is left alone, and so is the time that a condition waits for.  A program that
# hangs all the same is ended after ten minutes.
run() { # run VARIABLE=VALUE... COMMAND...
	timeout 600 env FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0 \
	    NO_FAKE_STAT=1 "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}

one() { # one DATE ZONE PROGRAM
	name=${3##*/}
	log=$DIR/$(echo "$name-$1-$2" | tr ' :/' '---')
	ahead=$(printf %+d $(($(date -u -d "$1" +%s) - $(date +%s))))
	# Python cannot sleep under libfaketime: the models hand the library to the program they test.
	case $3 in
	models) set -- "$@" "MODELS_PRELOAD=$lib" sh -c "$MODELS" ;;
	*) set -- "$@" "LD_PRELOAD=$lib" "$3" ;;
	esac
	what="$name at $1 UTC, TZ=$2" zone=$2
	shift 3
	if ! run "TZ=$zone" "FAKETIME=$ahead" "$@" >"$log" 2>&1; then
		cat "$log"
		echo "failed: $what" >&2
		return 1
	fi
	rm "$log"
}

list_all() { # list_all PROGRAM...: what is to run: date, zone and program, each on a line
	echo "$dates" | while read -r date; do
		for zone in $zones; do
			for name in "$@"; do
				printf '%s\n' "$date" "$zone" "$name"
			done
		done
	done
}

# Dates take turns in being that of what is slow.
list_few() { # list_few PROGRAM...
	count=$(echo "$dates" | wc -l)
	n=0
	echo "$dates" | while read -r date; do
		zone=$(echo "$zones" | cut -d ' ' -f $((n % 3 + 1)))
		turn=0
		for name in "$@"; do
			case " $SLOW " in
			*" ${name##*/test_} "*) [ $(((turn += 1) % count)) = $n ] || continue ;;
			esac
			printf '%s\n' "$date" "$zone" "$name"
		done
		n=$((n + 1))
	done
}

form=$1
shift
case $form in
all | few)
	mkdir -p "$DIR"
	"list_$form" models "$@" >"$DIR/list"
	tr '\n' '\0' <"$DIR/list" | xargs -0 -n 3 -P "$JOBS" "$0" one || exit 1
	echo "ok      $(($(wc -l <"$DIR/list") / 3)) runs at other dates"
	;;
one) one "$@" ;;
esac
