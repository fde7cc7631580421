#!/bin/sh
# sql.sh FILE.sql...: prints the statements as C source for sql.h, without lines that are comments.
set -eu
export LC_ALL=C
exec awk '
FNR == 1 {
	if (NR != 1)
		print ";"
	else
		print "#include \"report/sql.h\""
	name = FILENAME
	sub(".*/", "", name)
	sub("[.]sql$", "", name)
	print "\nconst char sql_" name "[] ="
}
/^--/ { next }
{
	gsub(/[\\"]/, "\\\\&")
	print "    \"" $0 "\\n\""
}
END { print ";" }' "$@"
