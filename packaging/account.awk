# account.awk: reads and changes a config.h for packaging/account.sh.  Comments and all that it need
# not change stay as they are.
#
#	-v cmd=list				prints the .path of each account
#	-v cmd=get -v path=P -v field=F		prints a value of that account, a text without quotes
#	-v cmd=setting -v field=F		the same of the settings
#	-v cmd=put -v path=P -v fields=FILE	prints the file with these fields of the account; an
#						account that is not there is added.  FILE has lines
#						FIELD, a tab, the value as C
#
# It fails with 3 if the file has no accounts[] that it can read.

# The text with blanks for comments and "x" for what is within quotes, so that both have the same
# length, and a brace or a comma in the mask is one of C.
function mask_of(t,    m, i, c, two, in_comment, in_line, quote, n) {
	n = length(t)
	for (i = 1; i <= n; i++) {
		c = substr(t, i, 1)
		two = substr(t, i, 2)
		if (in_comment || in_line) {
			m = m (c == "\n" ? c : " ")
			if (in_line && c == "\n")
				in_line = 0
			else if (in_comment && two == "*/") {
				m = m " "
				i++
				in_comment = 0
			}
		} else if (quote != "") {
			if (c == "\\") {
				m = m "xx"
				i++
			} else if (c == quote) {
				m = m c
				quote = ""
			} else
				m = m (c == "\n" ? c : "x")
		} else if (two == "/*" || two == "//") {
			m = m "  "
			i++
			in_comment = two == "/*"
			in_line = !in_comment
		} else {
			if (c == "\"" || c == "'")
				quote = c
			m = m c
		}
	}
	return m
}

# Finds where the accounts begin and end: first[k] and last[k] are their braces, list_end is that of
# the array.
function find_accounts(    i, c, depth) {
	mask = mask_of(text)
	naccounts = list_end = 0
	if (!match(mask, /[^A-Za-z0-9_]accounts[ \t\n]*\[[ \t\n0-9]*\][ \t\n]*=[ \t\n]*\{/))
		exit 3
	for (i = RSTART + RLENGTH - 1; i <= length(mask) && !list_end; i++) {
		c = substr(mask, i, 1)
		if (c == "{" && ++depth == 2)
			first[++naccounts] = i
		else if (c == "}") {
			if (depth == 2)
				last[naccounts] = i
			if (--depth == 0)
				list_end = i
		}
	}
	if (!list_end)
		exit 3
}

# Finds a value between two braces: it is value_len bytes at value_at; 0: the field is not there.
function find_value(from, to, field,    part, m) {
	part = substr(mask, from, to - from + 1)
	value_at = value_len = 0
	if (!match(part, "[^A-Za-z0-9_]\\." field "[ \t\n]*=[ \t\n]*"))
		return
	value_at = from + RSTART + RLENGTH - 1
	m = substr(mask, value_at, to - value_at)
	sub(/,.*/, "", m)
	sub(/[ \t\n]+$/, "", m)
	value_len = length(m)
}

function value_of(from, to, field,    v) {
	find_value(from, to, field)
	if (!value_at)
		return ""
	v = substr(text, value_at, value_len)
	if (v ~ /^".*"$/) {
		v = substr(v, 2, length(v) - 2)
		gsub(/\\\\/, "\001", v)
		gsub(/\\/, "", v)
		gsub(/\001/, "\\", v)
	} else if (v == "NULL")
		v = ""
	return v
}

function account_of(p,    k) {
	for (k = 1; k <= naccounts; k++)
		if (value_of(first[k], last[k], "path") == p)
			return k
	return 0
}

function insert(at, what) {	# before the character at that place
	text = substr(text, 1, at - 1) what substr(text, at)
	find_accounts()
}

# Puts a line before the closing brace, and a comma behind what is before it.
function insert_before(brace, what,    i, c) {
	for (i = brace - 1; substr(mask, i, 1) ~ /[ \t\n]/; i--)
		;
	c = substr(mask, i, 1)
	if (c != "," && c != "{") {
		insert(i + 1, ",")
		brace++
	}
	for (i = brace; substr(text, i - 1, 1) ~ /[ \t]/; i--)
		;
	if (substr(text, i - 1, 1) == "\n")
		insert(i, what "\n")
	else
		insert(brace, "\n" what "\n")
}

function line_of(field, value) {
	return "\t\t." field (length(field) < 7 ? "\t\t= " : length(field) < 15 ? "\t= " : " = ") value ","
}

function put_account(    k, i, row) {
	if (!(k = account_of(path))) {
		row = "\t{"
		for (i = 1; i <= nfields; i++)
			row = row "\n" line_of(name[i], value[i])
		insert_before(list_end, row "\n\t},")
		return
	}
	for (i = 1; i <= nfields; i++) {
		find_value(first[k], last[k], name[i])
		if (value_at) {
			text = substr(text, 1, value_at - 1) value[i] substr(text, value_at + value_len)
			find_accounts()
		} else
			insert_before(last[k], line_of(name[i], value[i]))
	}
}

{ text = text $0 "\n" }

END {
	find_accounts()
	if (cmd == "list") {
		for (k = 1; k <= naccounts; k++)
			print value_of(first[k], last[k], "path")
	} else if (cmd == "get") {
		if (k = account_of(path))
			print value_of(first[k], last[k], field)
	} else if (cmd == "setting") {
		if (match(mask, /[^A-Za-z0-9_]settings[ \t\n]*=[ \t\n]*\{/))
			print value_of(RSTART + RLENGTH - 1, length(mask), field)
	} else if (cmd == "put") {
		while ((getline line < fields) > 0) {
			name[++nfields] = substr(line, 1, index(line, "\t") - 1)
			value[nfields] = substr(line, index(line, "\t") + 1)
		}
		put_account()
		printf "%s", text
	}
}
