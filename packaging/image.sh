#!/bin/sh
#
# image.sh VERSION OUT CA ARCHITECTURE=PROGRAM...: packs static programs as an image for containers,
# OUT: an archive as OCI defines it.  One index has an image for each architecture.  An image has the
# program, the certificates of the file CA, two users, the directories of the state and of the socket,
# and nothing else.  Docker without containerd's store reads manifest.json instead: there the first
# image is qtoa:VERSION, and the others have the architecture in their tag.  The same input gives the
# same bytes, on every host and for every user.

set -eu
export LC_ALL=C
umask 077	# a program may have secrets in it

version=$1
out=$2
ca=$3
shift 3

# The user who runs it is no user of the host's.
user=65532
state=/var/lib/qtoa
run=/run/qtoa

die() { # die WHAT REMEDY
	printf 'image: %s; %s\n' "$1" "$2" >&2
	exit 1
}

# Prints files as one archive, owned by that user.
pack() { # pack ROOT OWNER MODE NAME...
	root=$1
	owner=$2
	mode=$3
	shift 3
	tar --append --file="$work/layer.tar" --format=ustar --mtime="@$when" --owner="$owner" \
	    --group="$owner" --numeric-owner --mode="$mode" --no-recursion -C "$root" "$@"
}

sum() { # sum FILE
	sha256sum "$1" | cut -d ' ' -f 1
}

# Prints what refers to a file, and gives it the name of its digest.
blob() { # blob TYPE FILE [MEMBERS]
	digest=$(sum "$2")
	printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s%s}' "$1" \
	    "$digest" "$(stat -c %s "$2")" "${3:-}"
	mv "$2" "$work/blobs/sha256/$digest"
}

files() { # files PROGRAM: fills the root directory
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/etc/ssl/certs" "$root$state" "$root$run"
	cp "$1" "$root/qtoa"
	cp "$ca" "$root/etc/ssl/certs/ca-certificates.crt"
	printf 'root:x:0:0:root:/:/\nqtoa:x:%s:%s:qtoa:%s:/\n' $user $user $state >"$root/etc/passwd"
	printf 'root:x:0:\nqtoa:x:%s:\n' $user >"$root/etc/group"
}

layer() { # layer PROGRAM: $work/layer.tar
	files "$1"
	tar --create --file="$work/layer.tar" --files-from=/dev/null
	pack "$root" 0 0755 etc etc/ssl etc/ssl/certs run var var/lib qtoa
	pack "$root" 0 0644 etc/group etc/passwd etc/ssl/certs/ca-certificates.crt
	pack "$root" $user 0755 "${run#/}"
	pack "$root" $user 0700 "${state#/}"
}

config() { # config ARCHITECTURE DIFF_ID
	cat <<-END
		{"created":"$created","architecture":"$1","os":"linux","config":{"User":"$user:$user",
		"Env":["QTOA_STATE_DIR=$state"],"Entrypoint":["/qtoa"],"Cmd":["listen","$run/qtoa.sock"],
		"Volumes":{"$run":{},"$state":{}},"WorkingDir":"/","StopSignal":"SIGTERM",
		"Labels":{"org.opencontainers.image.title":"qtoa","org.opencontainers.image.version":"$version"}},
		"rootfs":{"type":"layers","diff_ids":["sha256:$2"]},
		"history":[{"created":"$created","created_by":"make image"}]}
	END
}

image() { # image ARCHITECTURE PROGRAM: adds to $work/images and $work/tags
	layer "$2"
	config "$1" "$(sum "$work/layer.tar")" >"$work/config"
	gzip -6n <"$work/layer.tar" >"$work/layer"
	layer_ref=$(blob layer.v1.tar+gzip "$work/layer")
	config_ref=$(blob config.v1+json "$work/config")
	printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}\n' \
	    application/vnd.oci.image.manifest.v1+json "$config_ref" "$layer_ref" >"$work/manifest"
	blob manifest.v1+json "$work/manifest" \
	    ",\"platform\":{\"architecture\":\"$1\",\"os\":\"linux\"}" >>"$work/images"
	echo >>"$work/images"
	printf '{"Config":"%s","RepoTags":["qtoa:%s"],"Layers":["%s"]}\n' "$(name "$config_ref")" \
	    "$version$suffix" "$(name "$layer_ref")" >>"$work/tags"
}

name() { # name REFERENCE: prints the name of the file
	echo "$1" | sed 's|.*"sha256:\([0-9a-f]*\)".*|blobs/sha256/\1|'
}

list() { # list FILE: prints the lines as members of a list
	paste -sd , "$1"
}

index() {
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]%s}\n' \
	    "$1" "${2:-}"
}

[ -s "$ca" ] || die "there are no certificates in $ca" 'install ca-certificates, or set IMAGE_CA='
when=$(packaging/epoch.sh)
created=$(date -u -d "@$when" +%Y-%m-%dT%H:%M:%SZ)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$work/blobs/sha256"
suffix=
for pair; do
	[ -e "$work/images" ] && suffix=-${pair%%=*}
	image "${pair%%=*}" "${pair#*=}"
done
index "$(list "$work/images")" >"$work/index"
index "$(blob index.v1+json "$work/index" ",\"annotations\":{
\"io.containerd.image.name\":\"docker.io/library/qtoa:$version\",
\"org.opencontainers.image.ref.name\":\"$version\"}")" >"$work/index.json"
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/oci-layout"
echo "[$(list "$work/tags")]" >"$work/manifest.json"
cd "$work"
find blobs index.json manifest.json oci-layout | sort >list
tar --create --file=archive --format=ustar --mtime="@$when" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX --no-recursion --files-from=list
cd - >/dev/null
mv "$work/archive" "$out"
echo "$out"
