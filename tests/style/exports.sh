#!/bin/sh
# exports.sh OBJECT...: every symbol that an object or an archive exports begins with the name of its
# module, which is the name of its file.
set -eu
export LC_ALL=C
exec nm -A -g --defined-only -P "$@" | awk '
{
	# FILE: or ARCHIVE[MEMBER]: and the symbol
	module = $1
	sub(/\]?:$/, "", module)
	sub(/.*[\[\/]/, "", module)
	sub(/\.o$/, "", module)
	if ($2 ~ /^__/)	# of the compiler, for its sanitizers
		next
	if ($2 == "OS_Read" && module == "request")	# of libfcgi, which it replaces
		next
	if ($2 != module && index($2, module "_") != 1) {
		print $1 " " $2 " does not begin with " module "_"
		faults++
	}
	symbols++
}
END {
	if (symbols == 0)
		print "exports.sh: no symbols"
	exit faults != 0 || symbols == 0
}'
