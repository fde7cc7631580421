#!/bin/sh
#
# lint.sh: runs all linters, even after one has failed.  BIN is the program, DEB the package, OUT a
# directory that it may write to.

# shellcheck disable=SC2317 # functions that try() calls

set -u
export LC_ALL=C
: "${BIN:?}" "${DEB:?}" "${OUT:?}"

bad=0

try() { # try WHAT COMMAND...: prints the output only if the command fails
	what=$1
	shift
	if "$@" >"$OUT/said" 2>&1; then
		printf 'ok      %s\n' "$what"
	else
		cat "$OUT/said"
		printf 'failed: %s\n' "$what"
		bad=1
	fi
}

# Succeeds if the command succeeds and prints nothing.
quiet() { # quiet COMMAND...
	"$@" >"$OUT/words" 2>&1 || {
		cat "$OUT/words"
		return 1
	}
	cat "$OUT/words"
	[ ! -s "$OUT/words" ]
}

shells() { # prints the files that begin with #! and name a shell
	find . \( -name .git -o -name node_modules -o -path './build*' -o -path ./qtoa \) -prune \
	    -o -type f -size -100k -exec awk '
	        FNR == 1 && /^#!.*sh( |$)/ { print FILENAME }
	        { nextfile }' {} +
}

# Fills the units in as `make install` does, with the path of this program.
fill_units() { # fill_units OWNER
	mkdir "$OUT/$1"
	for unit in packaging/systemd/*.socket.in packaging/systemd/*.service.in packaging/systemd/*.timer.in; do
		name=${unit##*/}
		make -s fill FILE="$unit" OWNER="$1" BINDIR="$OUT/bin" >"$OUT/$1/${name%.in}" || return 1
	done
	! grep -rn '@[A-Z]*@' "$OUT/$1"
}

threshold() { # threshold SERVICE: succeeds if its exposure is under 2.0
	systemd-analyze security --offline=true --no-pager --threshold=19 "$1"
}

rm -rf "$OUT"
mkdir -p "$OUT/bin"
ln -s "$BIN" "$OUT/bin/qtoa"

# shellcheck disable=SC2046 # one word for each file
try 'shellcheck' shellcheck $(shells)
for page in man/*.[0-9] man/*/*.[0-9]; do
	try "mandoc $page" quiet mandoc -T lint -W warning "$page"
done
for shell in bash zsh; do
	"$BIN" completion $shell >"$OUT/completion.$shell"
	try "$shell completion" $shell -n "$OUT/completion.$shell"
done
try 'shellcheck bash completion' shellcheck -s bash "$OUT/completion.bash"
try 'promtool, with its alert rules' promtool check config examples/prometheus-example.yml
for owner in qtoa www-data; do
	try "units, of $owner" fill_units "$owner"
	try "systemd-analyze verify, of $owner" quiet systemd-analyze verify --man=no "$OUT/$owner"/*
done
for service in "$OUT"/qtoa/*.service; do
	try "systemd-analyze security ${service##*/}" threshold "$service"
	sed -n 's/.*Overall exposure level.*: \([0-9.]*\).*/        exposure \1/p' "$OUT/said"
done
try 'lintian' quiet lintian --fail-on error,warning --allow-root "$DEB"
exit $bad
