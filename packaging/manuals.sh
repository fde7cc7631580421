#!/bin/sh
#
# manuals.sh CONFRULES DIRECTORY: writes what the manuals in DIRECTORY say of accounts and settings:
# all that is between the lines "written by `make manuals`" and "end" in each of them.  CONFRULES is
# the program that prints the rules.

set -eu
export LC_ALL=C

top=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/qtoa.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

# The parts of each manual, as the records name them.
parts='account relay setting'

describe() { # describe PART LANGUAGE FORM: prints that part of a manual
	awk -v of="$1" -v lang="$2" -v form="$3" -f "$top/packaging/manuals.awk" "$tmp/rules" \
	    "$top/config.h" "$top/packaging/settings.text"
}

compose() { # compose FILE LANGUAGE FORM: puts the parts into a copy of the manual
	for of in $parts; do
		describe "$of" "$2" "$3" >"$tmp/$of"
	done
	mkdir -p "$tmp/made/${1%/*}"
	awk -v dir="$tmp" -v parts="$parts" '
		!skip { print }
		!skip && /written by `make manuals`/ {
			match($0, /[a-z]+: written/)
			file = dir "/" substr($0, RSTART, RLENGTH - 9)
			while ((getline line <file) > 0)
				print line
			skip = 1
			n++
		}
		skip && /^(<!-- end -->|[.]\\" end)$/ { skip = 0; print }
		END { exit n != split(parts, all, " ") || skip }' "$1" >"$tmp/made/$1" || {
		printf '%s: these parts must be marked as written by make manuals, each with its end: %s\n' \
		    "$1" "$parts" >&2
		exit 1
	}
}

"$1" >"$tmp/rules"
cd "$2"
compose doc/configuration.md en md
compose doc/zh/configuration.md zh md
compose man/qtoa-config.5 en man
compose man/zh_CN/qtoa-config.5 zh man

# Only now, since nothing is wrong, files that differ are written.
(cd "$tmp/made" && find . -type f) | while read -r file; do
	cmp -s "$tmp/made/$file" "$file" || cat "$tmp/made/$file" >"$file"
done
