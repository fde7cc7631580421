#!/bin/sh
#
# conf_fields.sh HEADER: the members of struct account, struct relay and struct settings, which
# HEADER (core/conf.h) has, as the C table of packaging/conf_fields.h.

set -eu

awk '
BEGIN { print "#include \"packaging/conf_fields.h\"\n\nconst struct conf_field\t conf_fields[] = {" }
/^enum [a-z_]+ [{]/ { group = $2; next }
/^enum [{] CONF_RELAYS = / { relays = $5 }
/^struct (account|relay|settings) [{]/ { kind = toupper($2); next }
/^[}];/ { group = kind = ""; next }
group != "" { sub(/,.*/, "", $1); words[group] = words[group] (words[group] == "" ? "" : " ") $1 }
kind != "" && /;/ {
	sub(/;.*/, "")
	name = $NF
	sub(/^[*]*/, "", name)
	type = $1 == "int" ? "NUMBER" : $1 == "enum" ? "WORD" : $1 == "struct" ? "RELAYS" : "TEXT"
	sub(/\[.*/, "", name)
	printf "\t{ CONF_IN_%s, CONF_FIELD_%s, \"%s\", \"%s\" },\n", kind, type, name,
	    type == "WORD" ? words[$2] : type == "RELAYS" ? relays : ""
}
END { print "\t{ .name = NULL }\n};" }' "$1"
