#!/bin/sh
#
# flags.sh CC FLAG...: prints those flags that the compiler knows for its target.

set -eu

cc=$1
shift

for flag; do
	! echo 'int main(void) { return 0; }' | $cc -Werror "$flag" -x c -S -o /dev/null - 2>/dev/null ||
	    printf '%s ' "$flag"
done
