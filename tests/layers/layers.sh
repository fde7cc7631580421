#!/bin/sh
# layers.sh TABLE FILE...: the includes of these files against TABLE.  Each line that it prints is
# an include that TABLE does not allow.
set -eu
exec awk '
function complain(what) {
	print FILENAME ":" FNR ": " what
	faults++
}

# The room of a path; a room within another one if the table has it.
function room_at(path,  part) {
	if (split(path, part, "/") == 1)
		return "."
	return part[1] "/" part[2] in room_of ? part[1] "/" part[2] : part[1]
}

# The table.
FNR == NR && /^</ { for (i = 2; i <= NF; i++) home[$1, $i]; foreign[$1]; next }
FNR == NR && /^[^#]/ { room_of[$1]; for (i = 1; i <= NF; i++) allowed[$1, $i]; next }
FNR == NR { next }

# The files.
FNR == 1 {
	file = FILENAME
	sub(/\.c$/, "", file)
	room = room_at(FILENAME)
	if (!(room in room_of))
		complain("the table has no room " room)
}
!/^[ \t]*#[ \t]*include/ { next }
/"/ {
	split($0, part, "\"")
	to = room_at(part[2])
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
