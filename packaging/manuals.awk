# manuals.awk: what a manual says of all members of a struct: PART is setting or account.
#
#	awk -v of=PART -v lang=en|zh -v form=md|man -f manuals.awk RULES CONFIG TEXT
#
# RULES is the output of packaging/confrules, CONFIG the config.h that is shipped, TEXT
# packaging/settings.text.  It reads bytes: run it with LC_ALL=C.

function fail(why) {
	fail_in("packaging/settings.text", why)
}

function fail_in(where, why) {
	printf "%s: %s\n", where, why | "cat >&2"
	failed = 1
	exit 1
}

BEGIN {
	FS = "\t"
	split("required|none|Default|Value|Unit|Range|to|characters|letters and digits|" \
	    "letters, digits and `. _ ~ -`|field|what it does|value|default|unit|range|shipped|up to", en_words, "|")
	split("必填|无|默认值|取值|单位|范围|至|个字符|个字母和数字|" \
	    "个：字母、数字和 `. _ ~ -`|字段|含义|取值|默认值|单位|范围|自带|最多", zh_words, "|")
	for (i in en_words)
		said[en_words[i]] = lang == "zh" ? zh_words[i] : en_words[i]
	stop = lang == "zh" ? "。" : "."
	colon = lang == "zh" ? "：" : ": "
}

FNR == 1 { file++ }

# The rules of the program.
file == 1 {
	if ($1 == of) {
		kind[$2] = $3
		dflt[$2] = $4 == "-" || $4 == "required" ? "" : $4
		required[$2] = $4 == "required"
		least[$2] = $5	# of a choice, all of them
		most[$2] = $6
		alphabet[$2] = $7
	}
	next
}

# The values that are shipped, of the settings alone: the accounts have those of the demo.
file == 2 && /^static const struct/ { inside = / settings / && of == "setting" }
file == 2 && inside && /^\t[.][a-z_]+[\t ]*=/ {
	name = $0
	sub(/^\t[.]/, "", name)
	sub(/[\t ]*=.*/, "", name)
	value = $0
	sub(/^[^=]*=[\t ]*/, "", value)
	if (value ~ /^"/)
		sub(/",.*/, "", value)
	else
		sub(/,.*/, "", value)
	sub(/^"/, "", value)
	shipped[name] = value
}
file == 2 { next }

# The records.
/^#/ || /^$/ { next }
/^@ / {
	here = index($0, "@ " of) == 1
	next
}
!here { next }
/^= / {
	group = choose(substr($0, 3))
	next
}
/^[a-z_]+$/ {
	name = $0
	if (!(name in kind))
		fail(name ": core/conf.c has no such " of)
	if (name in group_of)
		fail(name ": is here twice")
	order[++n] = name
	group_of[name] = group
	next
}
/^\t[a-z.]+: / {
	key = substr($0, 2, index($0, ":") - 2)
	text[name, key] = substr($0, index($0, ": ") + 2)
	next
}
/^\t\t/ {
	line = $0
	gsub(/^\t+/, "", line)
	text[name, key] = text[name, key] blank_between(text[name, key], line) line
	next
}
{ fail("line " FNR ": is not a record; see the head of the file") }

# Chinese goes on without a blank, and so does everything after its punctuation.
function blank_between(a, b) {
	if (a ~ /(、|，|。|；|：|（)$/ || (substr(a, length(a)) > "\177" && b > "\177"))
		return ""
	return " "
}

function choose(pair,  at) {
	at = index(pair, " | ")
	return lang == "zh" ? substr(pair, at + 3) : substr(pair, 1, at - 1)
}

function need(name, key) {
	if (text[name, key] == "")
		fail(name ": has no line " key ":")
	return text[name, key]
}

function is_switch(name) {
	return kind[name] == "number" && least[name] <= 0 && most[name] == 1
}

function default_of(name) {
	if (text[name, "default"] != "") {
		if (dflt[name] != "" || required[name])
			fail(name ": core/conf.c says its default; remove the line default:")
		return choose(text[name, "default"])
	}
	if (required[name])
		return said["required"]
	if (dflt[name] == "")
		need(name, "default")
	return kind[name] == "number" ? dflt[name] : "`" dflt[name] "`"
}

function unit_of(name) {
	if (kind[name] != "number" || is_switch(name)) {
		if (text[name, "unit"] != "")
			fail(name ": is not a number that has a unit")
		return ""
	}
	return choose(need(name, "unit"))
}

# What may be written: of a number its range, of a choice the words, of a text its length.
function values_of(name,  length_, words, w, i, all) {
	if (kind[name] == "number")
		return least[name] " " said["to"] " " most[name]
	if (kind[name] == "choice") {
		w = split(least[name], words, ", ")
		for (i = 1; i <= w; i++)
			all = all (i > 1 ? (lang == "zh" ? "、" : ", ") : "") "`" words[i] "`"
		return all
	}
	if (most[name] == 0 || most[name] >= 1024)
		return ""
	if (least[name] == most[name])
		length_ = most[name]
	else if (least[name] == 1)
		length_ = said["up to"] " " most[name]
	else
		length_ = least[name] " " said["to"] " " most[name]
	if (alphabet[name] == "alnum")
		return length_ " " said["letters and digits"]
	if (alphabet[name] == "path")
		return length_ (lang == "zh" ? " " : ": ") said["letters, digits and `. _ ~ -`"]
	return length_ " " said["characters"]
}

function shipped_of(name,  value, factors) {
	if (!(name in shipped))
		fail_in("config.h", "the settings have no ." name ": add it, with its comment")
	value = shipped[name]
	if (value == "NULL" || value == "")
		value = ""
	else if (split(value, factors, / *[*] */) == 2)
		value = factors[1] * factors[2]
	if (value == dflt[name])
		return ""
	if (kind[name] == "text")
		value = "`" value "`"
	return lang == "zh" ? "（" said["shipped"] "：" value "）" : " (" said["shipped"] ": " value ")"
}

#
# Markdown.
#

# In the table of an account's fields the unit stands behind the range.
function range_and_unit(name,  unit) {
	unit = unit_of(name)
	return values_of(name) (unit == "" ? "" : " " unit)
}

function md_row(name,  more, row) {
	more = text[name, lang ".md"]
	more = need(name, lang) (more == "" ? "" : (lang == "zh" ? "" : " ") more)
	if (of != "setting")
		row = range_and_unit(name) " | " default_of(name)
	else
		row = default_of(name) shipped_of(name) " | " unit_of(name) " | " values_of(name)
	row = "| `." name "` | " row " | " more " |"
	gsub(/[|]  /, "| ", row)
	return row
}

function md_head() {
	if (of != "setting")
		print "| " said["field"] " | " said["value"] " | " said["default"] " | " \
		    said["what it does"] " |\n|---|---|---|---|"
	else
		print "| " said["field"] " | " said["default"] " | " said["unit"] " | " said["range"] \
		    " | " said["what it does"] " |\n|---|---|---|---|---|"
}

#
# The manual.
#

# Marks a setting and what is typed, and lets no character mean something to roff.
function roff(t,  parts, k, i, out) {
	gsub(/\\/, "\\e", t)
	k = split(t, parts, "`")
	for (i = 1; i <= k; i++) {
		if (i % 2 == 0) {
			gsub(/-/, "\\-", parts[i])
			gsub(/'/, "\\(aq", parts[i])
			out = out (parts[i] ~ /^[.][a-z_]+$/ ? "\\fI" parts[i] "\\fR" : "\\(oq" parts[i] "\\(cq")
		} else {
			while (match(parts[i], /(^| )-[0-9]/))
				parts[i] = substr(parts[i], 1, RSTART + RLENGTH - 3) "\\-" \
				    substr(parts[i], RSTART + RLENGTH - 1)
			out = out parts[i]
		}
	}
	return out
}

# A line for each sentence.  A line of Chinese may end after a comma, too: no program that formats
# manuals breaks it elsewhere.
function fill(t,  out, part, at) {
	if (lang != "zh") {
		gsub(/[.] /, ".\n", t)
		return t
	}
	gsub(/。/, "。\n", t)
	gsub(/；/, "；\001", t)
	gsub(/，/, "，\001", t)
	gsub(/、/, "、\001", t)
	gsub(/：/, "：\001", t)
	while (t != "") {
		at = match(t, /[\001\n]/)
		part = at == 0 ? t : substr(t, 1, at - 1)
		if (out != "" && out !~ /\n$/ && columns(out) + columns(part) > 64)
			out = out "\n"
		out = out part (at != 0 && substr(t, at, 1) == "\n" ? "\n" : "")
		t = at == 0 ? "" : substr(t, at + 1)
	}
	sub(/\n$/, "", out)
	return out
}

# Of the last line: a Chinese character has three bytes and two columns.
function columns(t,  wide) {
	sub(/.*\n/, "", t)
	wide = gsub(/[\340-\357]/, "", t)
	gsub(/[\200-\277]/, "", t)
	return length(t) + 2 * wide
}

function sentence(words) {
	return toupper(substr(words, 1, 1)) substr(words, 2) stop
}

function print_fact(word, value) {
	if (value != "")
		print said[word] colon roff(value) stop
}

function print_item(name) {
	print ".It Va ." name
	print fill(roff(need(name, lang)))
	print_fact("Unit", unit_of(name))
	if (index(default_of(name), said["required"]) == 1)
		print sentence(roff(default_of(name)))
	else
		print_fact("Default", default_of(name))
	print_fact(kind[name] == "number" ? "Range" : "Value", values_of(name))
	example = need(name, "example")
	gsub(/"/, "\\(dq", example)
	print ".Dl ." name " = " example
}

#
# All of it.
#

function end_group() {
	if (group != "" && form == "man")
		print ".El"
}

function begin_group(title) {
	if (form == "man")
		print ".Ss " title "\n.Bl -tag -width Ds"
	else
		print "\n### " title "\n"
	if (form == "md")
		md_head()
	group = title
}

END {
	if (failed)
		exit 1
	for (name in kind)
		if (!(name in group_of)) {
			printf "packaging/settings.text: has no record of .%s (%s): add one\n", name, of | "cat >&2"
			exit 1
		}
	group = ""
	for (i = 1; i <= n; i++) {
		name = order[i]
		if (group_of[name] != group) {
			end_group()
			begin_group(group_of[name])
		}
		if (form == "md")
			print md_row(name)
		else
			print_item(name)
	}
	end_group()
	if (form == "md")
		print ""
}
