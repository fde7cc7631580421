#!/bin/sh
# deps.sh TABLE DIR: the includes of the .c and .h files in DIR against TABLE (tests/deps).
# Only conf includes by macro: the configuration's values, which nobody else sees.
set -eu
exec awk '
function bad(what) {
	print FILENAME ":" FNR ": " what
	faults++
}
function listed(list, name) {
	return index(" " list " ", " " name " ") != 0
}
function check_foreign(header,	prefix) {
	for (prefix in home)
		if (index("<" header, prefix) == 1 &&
		    (is_header || !listed(home[prefix], module)))
			bad("<" header "> is not for " file)
}

# The table.
FNR == NR && /^(#|$)/ { next }
FNR == NR && /^</ {
	for (i = 2; i <= NF; i++) {
		if (!($i in allowed))
			bad("no module " $i)
		home[$1] = home[$1] " " $i
	}
	home[$1] = home[$1] ""
	next
}
FNR == NR {
	if ($1 in allowed)
		bad($1 " stands here twice")
	allowed[$1] = $1
	for (i = 2; i <= NF; i++) {
		if ($i == $1 || !($i in allowed))
			bad($1 " names " $i ", which does not stand above it")
		allowed[$1] = allowed[$1] " " $i
	}
	next
}

# The files.
FNR == 1 {
	file = module = FILENAME
	sub(".*/", "", file)
	sub(".*/", "", module)
	is_header = module ~ /[.]h$/
	sub("[.][ch]$", "", module)
	files++
	if (module != "config" && !(module in allowed))
		bad(module " is not in the table")
	seen[module] = 1
}
/^[ \t]*#[ \t]*include/ {
	target = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
	if (match(target, /^"[^"]*[.]h"/)) {
		name = substr(target, 2, RLENGTH - 4)
		if (!listed(allowed[module], name))
			bad(file " may not include " name ".h")
	} else if (match(target, /^<[^>]*>/)) {
		check_foreign(substr(target, 2, RLENGTH - 2))
	} else if (module != "conf" || is_header || target != "CONFIG_FILE") {
		bad(file " includes " target)
	}
}

END {
	for (module in allowed)
		if (!(module in seen)) {
			print "table: there is no " module
			faults++
		}
	if (files == 0) {
		print "no files"
		faults++
	}
	exit faults != 0
}' "$1" "$2"/*.[ch]
