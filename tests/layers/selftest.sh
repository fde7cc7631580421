#!/bin/sh
# selftest.sh TABLE FILE...: whether layers.sh finds what it is for, in a copy of these files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
table=$(cd "$(dirname "$1")" && pwd)/${1##*/}
shift
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tar -cf - "$@" | tar -xf - -C "$tmp"
cd "$tmp"

refuses() { # refuses FILE LINE: with that line in front, FILE is found
	cp "$1" kept
	{ printf '%s\n' "$2"; cat kept; } >"$1"
	# shellcheck disable=SC2086 # a word for each file
	found=$("$here/layers.sh" "$table" $files) && {
		printf 'selftest: %s in %s is not found\n' "$2" "$1" >&2
		exit 1
	}
	case $found in
	"$1:1: "*) ;;
	*) printf 'selftest: %s in %s gives: %s\n' "$2" "$1" "$found" >&2; exit 1 ;;
	esac
	mv kept "$1"
}

files=$*
refuses core/buf.c '#include "cli/session.h"'
refuses core/buf.h '#include "state/queue.h"'
refuses state/queue.c '#include <curl/curl.h>'
refuses net/http_client.h '#include <curl/curl.h>'
refuses forwarder/drain.c '#include "collector/collect.h"'
refuses forwarder/drain.c '#include "state/sqlite/sqlite_db.h"'
refuses wechat/message.c '  #  include "xmlmap.h"'
refuses server/request.c '#include CONFIG_FILE'
