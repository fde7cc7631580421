#!/bin/sh
#
# dist.sh VERSION DIRECTORY: packs the tree as DIRECTORY/qtoa-VERSION.tar.gz and .tar.xz: the files
# that git tracks, or without git all files but those of .gitignore.  The same tree gives the same
# bytes, on every host and for every user.

set -eu
export LC_ALL=C
umask 077	# config.h may have secrets in it

name=qtoa-$1
out=$2

files() { # prints the names, with a NUL after each
	if [ -e .git ]; then
		git ls-files -z
	else
		find . -name __pycache__ -prune -o -name .pytest_cache -prune -o -path './build*' -prune \
		    -o -path ./qtoa -prune -o \( -type f -o -type l \) -printf '%P\0'
	fi
}

# Not as a pipe, which would hide that git failed.
files >"$out/$name.list"
sort -z -o "$out/$name.list" "$out/$name.list"
when=$(packaging/epoch.sh)
tar --create --format=ustar --mtime="@$when" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX --transform="s|^|$name/|S" --no-recursion --null \
    --files-from="$out/$name.list" >"$out/$name.tar"
gzip -9n <"$out/$name.tar" >"$out/$name.tar.gz"
xz -4 <"$out/$name.tar" >"$out/$name.tar.xz"
rm "$out/$name.tar" "$out/$name.list"
printf '%s\n' "$out/$name.tar.gz" "$out/$name.tar.xz"
