#!/bin/sh
#
# epoch.sh: prints the time that all packed files get, in seconds: SOURCE_DATE_EPOCH, or that of the
# last commit; a tree that came from a tarball has it in each file.

set -eu

if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
	echo "$SOURCE_DATE_EPOCH"
elif [ -e .git ]; then
	git log -1 --format=%ct
else
	stat -c %Y config.h
fi
