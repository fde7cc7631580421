#!/bin/sh
# sql.sh FILE.sql...: prints the statements as C source for sql.h, in each dialect, without lines
# that are comments.
# sql.sh postgres FILE.sql: prints the statement that PostgreSQL runs, for trials with psql.
set -eu
export LC_ALL=C

postgres() {
	pair=${1%/*}/pg/${1##*/}
	if [ -e "$pair" ]; then
		cat "$pair"
	else
		sed -f "${1%/*}/postgres.sed" "$1"
	fi
}

literal() {
	awk '/^--/ { next } { gsub(/[\\"]/, "\\\\&"); print "\t\"" $0 "\\n\"" }'
}

if [ "$1" = postgres ]; then
	postgres "$2"
	exit
fi
echo '#include "report/sql.h"'
for file; do
	name=${file##*/}
	printf '\nconst struct db_texts sql_%s = { {\n    [DB_SQLITE] =\n' "${name%.sql}"
	literal <"$file"
	printf '    ,\n    [DB_POSTGRES] =\n'
	postgres "$file" | literal
	printf '} };\n'
done
