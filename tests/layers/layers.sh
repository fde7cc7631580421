#!/bin/sh
# layers.sh TABLE FILE...: the includes of these files against TABLE.  Each line that it prints is
# an include that TABLE does not allow.
set -eu
exec awk '
function complain(what) {
	print FILENAME ":" FNR ": " what
	faults++
}

# The table.
FNR == NR && /^</ { for (i = 2; i <= NF; i++) home[$1, $i]; foreign[$1]; next }
FNR == NR && /^[^#]/ { room_of[$1]; for (i = 1; i <= NF; i++) allowed[$1, $i]; next }
FNR == NR { next }

# The files.
FNR == 1 {
	file = FILENAME
	sub(/\.c$/, "", file)
	room = FILENAME ~ /\// ? FILENAME : "."
	sub(/\/.*/, "", room)
	if (!(room in room_of))
		complain("the table has no room " room)
}
!/^[ \t]*#[ \t]*include/ { next }
/"/ {
	split($0, part, "\"")
	to = part[2] ~ /\// ? part[2] : "."
	sub(/\/.*/, "", to)
	if (FILENAME != "qtoa.c" && !((room, to) in allowed))
		complain(room " may not include \"" part[2] "\"")
	next
}
/</ {
	for (prefix in foreign)
		if (index($0, prefix) && !((prefix, file) in home) &&
		    (FILENAME ~ /\.h$/ || !((prefix, room) in home)))
			complain(FILENAME " may not include " prefix "...>")
	next
}
FILENAME != "core/conf.c" || !/CONFIG_FILE/ { complain("an include of a macro") }
END { exit faults != 0 }' "$@"
