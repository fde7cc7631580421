#!/bin/sh
#
# encoding.sh FILE: says what is wrong with the encoding of a configuration file, before the compiler
# reads it.  It fails for UTF-16, which cannot be compiled.  It warns of other bytes that are not
# UTF-8: in a comment they do no harm.

set -eu

file=$1

case $(head -c 2 "$file" | od -An -tx1 | tr -d ' ') in
fffe | feff | 00?? | ??00)
	printf '%s: is UTF-16, which Notepad of Windows calls Unicode; save it as UTF-8\n' "$file" >&2
	exit 1
	;;
esac

# A line that does not match is one with such bytes.
line=$(LC_ALL=C.UTF-8 grep -anvx '.*' "$file" 2>/dev/null | head -n 1 | cut -d: -f1) || line=
[ -z "$line" ] ||
	printf '%s:%s: warning: not UTF-8: Chinese names become unreadable; save the file as UTF-8, or run: iconv -f GBK -t UTF-8\n' \
	    "$file" "$line" >&2
