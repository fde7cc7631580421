#!/bin/sh
# completion.sh SCRIPT.SHELL...: the scripts as C source (completion.h): completion_SHELL.
set -eu
export LC_ALL=C
exec awk '
FNR == 1 {
	if (NR != 1)
		print ";"
	else
		print "#include \"cli/completion.h\""
	name = FILENAME
	sub(".*[.]", "", name)
	print "\nconst char completion_" name "[] ="
}
{
	gsub(/[\\"]/, "\\\\&")
	print "    \"" $0 "\\n\""
}
END { print ";" }' "$@"
