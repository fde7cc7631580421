#!/bin/sh
#
# install.sh install: puts the program and its files where the variables of `make install` say, and
# notes each file and each directory that it makes.
#
# install.sh uninstall: removes exactly what is noted.  A file that the operator has changed stays,
# and so does the state.
#
# install.sh fill FILE...: prints the files with the values of each @NAME@ filled in.

set -eu
export LC_ALL=C

: "${BIN:?}" "${B:?}" "${VERSION:?}" "${BINDIR:?}" "${MANDIR:?}" "${DOCDIR:?}" "${SYSCONFDIR:?}"
: "${STATEDIR:?}" "${UNITDIR:?}" "${SYSUSERSDIR:?}" "${TMPFILESDIR:?}" "${BASHDIR:?}" "${ZSHDIR:?}"
: "${OWNER:?}" "${WEBGROUP:?}" "${MODE:?}" "${DESTDIR=}" "${CGIBINDIR=}" "${GROUP=}" "${NOTED=}"

noted=$DESTDIR$NOTED
[ -n "$NOTED" ] || noted=/dev/null

die() { # die WHAT REMEDY
	printf 'make %s: %s. %s\n' "$verb" "$1" "$2" >&2
	exit 1
}

# True: files keep our own user.  Only root gives files to others, and not in a tree for a package.
ours() {
	[ "$(id -u)" != 0 ] || [ -n "$DESTDIR" ]
}

resolve_owner() {
	if ours; then
		GROUP=${GROUP:-$OWNER}
		return
	fi
	id -u "$OWNER" >/dev/null 2>&1 || die "there is no user $OWNER" \
	    "Give the user that the web server runs programs as: make install OWNER=...; or add one: \
useradd --system --home-dir $STATEDIR --shell /usr/sbin/nologin $OWNER"
	GROUP=${GROUP:-$(id -gn "$OWNER")}
}

note() { # note KIND PATH [SUM]
	grep -qsxF "$*" "$noted" || printf '%s\n' "$*" >>"$noted"
}

# Makes a directory and those above it that do not exist yet.
directory() { # directory PATH
	case $1 in
	/ | '') return ;;
	esac
	[ ! -d "$DESTDIR$1" ] || return 0
	directory "$(dirname "$1")"
	install -d -m 0755 "$DESTDIR$1"
	made="$made$1
"
}

give() { # give PATH OWNER: gives it to that user and to GROUP
	ours || chown "$2:$GROUP" "$1"
}

place() { # place MODE SOURCE PATH
	directory "$(dirname "$3")"
	install -m "$1" "$2" "$DESTDIR$3"
	note file "$3"
}

# Fills in the paths and users of this installation.
fill() { # fill FILE...
	case $STATEDIR in
	/var/lib/*/*) state="ReadWritePaths=$STATEDIR" ;;
	/var/lib/*) state="StateDirectory=${STATEDIR#/var/lib/}\\
StateDirectoryMode=0700" ;;
	*) state="ReadWritePaths=$STATEDIR" ;;
	esac
	sed -e '/^@HARDENING@$/{r packaging/systemd/hardening.in
	    d
	}' "$@" | sed -e "s|^@STATE@\$|$state|" -e "s|@BINDIR@|$BINDIR|g" \
	    -e "s|@STATEDIR@|$STATEDIR|g" -e "s|@SYSCONFDIR@|$SYSCONFDIR|g" \
	    -e "s|@OWNER@|$OWNER|g" -e "s|@GROUP@|$GROUP|g" -e "s|@WEBGROUP@|$WEBGROUP|g"
}

place_filled() { # place_filled MODE SOURCE PATH
	fill "$2" >"$tmp/filled"
	place "$1" "$tmp/filled" "$3"
}

# Puts the paths of this installation into an example or a manual.
place_adapted() { # place_adapted SOURCE PATH [MODE]
	sed -e "s|/usr/local/bin/qtoa|$BINDIR/qtoa|g" -e "s|/var/lib/qtoa|$STATEDIR|g" \
	    -e "s|/etc/qtoa|$SYSCONFDIR/qtoa|g" "$1" >"$tmp/filled"
	place "${3:-0644}" "$tmp/filled" "$2"
}

# The new program is moved into place, since a server may be running the old one.
place_program() { # place_program PATH
	directory "$(dirname "$1")"
	rm -f "$DESTDIR$1.new"
	install -m "$MODE" "$BIN" "$DESTDIR$1.new"
	give "$DESTDIR$1.new" root
	mv -f "$DESTDIR$1.new" "$DESTDIR$1"
	note file "$1"
}

# Placed only once: from then on this file belongs to the operator.
place_environment() {
	file=$SYSCONFDIR/qtoa/environment
	directory "$(dirname "$file")"
	[ ! -e "$DESTDIR$file" ] || return 0
	fill packaging/systemd/environment.in >"$tmp/filled"
	install -m 0640 "$tmp/filled" "$DESTDIR$file"
	give "$DESTDIR$file" root
	note unchanged "$file" "$(cksum <"$DESTDIR$file")"
}

place_state() {
	directory "$STATEDIR"
	chmod 0700 "$DESTDIR$STATEDIR"
	give "$DESTDIR$STATEDIR" "$OWNER"
}

place_manuals() {
	for page in man/qtoa*.[58] man/*/qtoa*.[58]; do
		language=$(dirname "${page#man/}")
		place_adapted "$page" "$MANDIR/$language/man${page##*.}/${page##*/}"
	done
	place 0644 "$B/completion.bash" "$BASHDIR/qtoa"
	place 0644 "$B/completion.zsh" "$ZSHDIR/_qtoa"
}

place_examples() {
	for file in README*.md CHANGELOG.md $(find doc -type f); do
		place 0644 "$file" "$DOCDIR/$file"
	done
	for file in apache-example.conf examples/*; do
		case $file in
		# The paths in a container are the image's.
		*/compose.yaml) place 0644 "$file" "$DOCDIR/examples/compose.yaml" ;;
		*) place_adapted "$file" "$DOCDIR/examples/${file##*/}" ;;
		esac
	done
	# Some people write their secrets into this file.
	place_adapted config.h "$DOCDIR/examples/config.h" 0640
	give "$DESTDIR$DOCDIR/examples/config.h" root
	place 0644 packaging/systemd/logrotate-example "$DOCDIR/examples/logrotate"
	for file in demo/messages/*.xml; do
		place 0644 "$file" "$DOCDIR/examples/messages/${file##*/}"
	done
}

place_units() {
	for unit in packaging/systemd/*.socket.in packaging/systemd/*.service.in \
	    packaging/systemd/*.timer.in; do
		name=${unit##*/}
		place_filled 0644 "$unit" "$UNITDIR/${name%.in}"
	done
	place_filled 0644 packaging/systemd/qtoa.tmpfiles.in "$TMPFILESDIR/qtoa.conf"
	# The web server's user exists already; only the user qtoa may have to be made.
	[ "$OWNER" != qtoa ] ||
	    place_filled 0644 packaging/systemd/qtoa.sysusers.in "$SYSUSERSDIR/qtoa.conf"
}

install_all() {
	resolve_owner
	made=
	[ -z "$NOTED" ] || directory "$(dirname "$NOTED")"
	place_program "$BINDIR/qtoa"
	# A copy, because suEXEC runs no links.
	[ -z "$CGIBINDIR" ] || place_program "$CGIBINDIR/qtoa.cgi"
	place_manuals
	place_examples
	place_units
	place_environment
	place_state
	printf '%s' "$made" | while read -r path; do
		note directory "$path"
	done
	[ -z "$NOTED" ] || note file "$NOTED"
	printf 'qtoa %s is in %s, for the user %s; its state is in %s\n' "$VERSION" \
	    "$DESTDIR$BINDIR" "$OWNER" "$DESTDIR$STATEDIR"
}

remove_file() { # remove_file KIND PATH SUM...
	kind=$1 path=$2
	shift 2
	if [ "$kind" = file ] || [ "$(cksum 2>/dev/null <"$DESTDIR$path")" = "$*" ]; then
		rm -f "$DESTDIR$path"
	elif [ -e "$DESTDIR$path" ]; then
		printf 'kept, because it was changed: %s\n' "$DESTDIR$path"
	fi
}

# Refuses while systemd would still start the program.
forbid_while_enabled() {
	for link in /etc/systemd/system/*.wants/qtoa*; do
		[ ! -L "$link" ] || [ -n "$DESTDIR" ] || die "systemd still starts ${link##*/}" \
		    'First run: systemctl disable --now qtoa.service qtoa.socket qtoa-collector.socket'
	done
}

uninstall_all() {
	forbid_while_enabled
	[ -e "$noted" ] || die "there is no list of files in $noted" \
	    'Was it installed with another DESTDIR, PREFIX or DOCDIR?'
	cp "$noted" "$tmp/noted"
	while read -r kind path sum; do
		case $kind in
		file | unchanged) remove_file "$kind" "$path" "$sum" ;;
		esac
	done <"$tmp/noted"
	# Inner directories come first; a directory that holds other files stays.
	sed -n 's/^directory //p' "$tmp/noted" | sort -r | while read -r path; do
		rmdir "$DESTDIR$path" 2>/dev/null || :
	done
	[ ! -e "$DESTDIR$STATEDIR" ] ||
	    printf 'kept: %s, with the messages that have not been sent yet\n' "$DESTDIR$STATEDIR"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/qtoa.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
verb=$1
shift
case $verb in
install) install_all ;;
uninstall) uninstall_all ;;
fill)
	GROUP=${GROUP:-$OWNER}
	fill "$@"
	;;
esac
