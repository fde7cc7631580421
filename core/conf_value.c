#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf_value.h"
#include "core/lang.h"
#include "core/utf8.h"

enum { ZERO_WIDTH_SPACE = 0x200B, BYTE_ORDER_MARK = 0xFEFF };

static const char *const alphabet_names[CONF_ALPHABETS] = {
	[CONF_TEXT]	= "printable characters",
	[CONF_NAME]	= "printable characters",
	[CONF_KEY]	= "printable characters",
	[CONF_LIST]	= "printable characters",
	[CONF_GRAPHIC]	= "printable ASCII characters without blanks",
	[CONF_ALNUM]	= "letters and digits",
	[CONF_PATH]	= "letters, digits and . _ ~ -",
};

bool
conf_value_refuse(struct conf_value_reason *r, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->text, sizeof(r->text), lang_text(fmt), ap);
	va_end(ap);
	return false;
}

/*
 * Characters.
 */

static bool
is_alnum(uint32_t cp)
{
	return cp < 0x80 && isalnum((int)cp);
}

static bool
is_printable(uint32_t cp)
{
	return utf8_columns(cp) != -1;
}

static bool
is_in_alphabet(uint32_t cp, enum conf_alphabet alphabet)
{
	switch (alphabet) {
	case CONF_TEXT:
	case CONF_NAME:
		return is_printable(cp);
	case CONF_KEY:
		return is_printable(cp) && (cp == ' ' || !utf8_is_space(cp));
	case CONF_LIST:
		return is_printable(cp) || cp == '\t' || cp == '\n' || cp == '\r';
	case CONF_GRAPHIC:
		return cp > ' ' && cp < 0x7F;
	case CONF_ALNUM:
		return is_alnum(cp);
	case CONF_PATH:
		return is_alnum(cp) || (cp != 0 && cp < 0x80 && strchr("._~-", (int)cp) != NULL);
	case CONF_ANY:
	case CONF_ALPHABETS:
		break;
	}
	return true;
}

/* True: around a value, the character is not part of it. */
static bool
is_outer(uint32_t cp)
{
	return utf8_is_space(cp) || cp == BYTE_ORDER_MARK || cp == ZERO_WIDTH_SPACE;
}

/* A text without what is around the value. */
static struct slice
strip_text(struct slice text)
{
	const char	*end = text.p + text.len, *p;
	bool		 valid;
	size_t		 last;

	for (p = text.p; p != end && is_outer(utf8_next(&p, end, &valid)); )
		text = (struct slice){ p, (size_t)(end - p) };
	while (text.len != 0) {
		last = utf8_cut(text, text.len - 1);
		p = text.p + last;
		if (!is_outer(utf8_next(&p, text.p + text.len, &valid)))
			break;
		text.len = last;
	}
	return text;
}

bool
conf_value_has_only(struct conf_value_reason *r, const char *v, enum conf_alphabet alphabet)
{
	const char	*p = v, *end = v + strlen(v);
	size_t		 n;
	uint32_t	 cp;
	bool		 valid;

	if (alphabet == CONF_ANY)
		return true;
	if (alphabet != CONF_LIST && strip_text(slice_of(v)).len != strlen(v))
		return conf_value_refuse(r, "begins or ends with a blank or something invisible: "
		    "remove it");
	for (n = 1; p != end; n++) {
		cp = utf8_next(&p, end, &valid);
		if (!valid)
			return conf_value_refuse(r, "character %zu is not UTF-8: save the file "
			    "that has this value as UTF-8", n);
		if (is_in_alphabet(cp, alphabet))
			continue;
		if (!is_printable(cp) || (utf8_is_space(cp) && cp != ' '))
			return conf_value_refuse(r, "character %zu is U+%04X, which is a blank or "
			    "cannot be seen: remove it", n, (unsigned)cp);
		return conf_value_refuse(r, "may contain only %s: character %zu is something else",
		    lang_text(alphabet_names[alphabet]), n);
	}
	return true;
}

/*
 * Files and environment variables.
 */

/* True: in a CGI the client decides the value of this variable (RFC 3875, mod_ssl). */
static bool
is_from_client(const char *name)
{
	static const char *const prefixes[] = {
		"HTTP_", "QUERY_", "REQUEST_", "PATH_", "SCRIPT_", "CONTENT_", "REMOTE_",
		"SERVER_", "AUTH_", "GATEWAY_", "REDIRECT_", "DOCUMENT_", "SSL_",
	};
	size_t	 i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool
conf_value_is_indirect(const char *v)
{
	return *v == '@' || (*v == '$' && v[1] != '.' && v[1] != '[');
}

const char *
conf_value_file(const char *v)
{
	if (*v == '$' && conf_value_is_indirect(v))
		v = getenv(v + 1);
	return v != NULL && *v == '@' ? v : NULL;
}

bool
conf_value_check_indirect(struct conf_value_reason *r, const char *v)
{
	if (v[1] == '\0')
		return conf_value_refuse(r, "a name must follow %c", *v);
	if (*v == '$' && is_from_client(v + 1))
		return conf_value_refuse(r, "%s can be set by a client: name another variable", v);
	return true;
}

/* Says why the last call for a file has failed, and what to do. */
static bool
refuse_file(struct conf_value_reason *r, const char *file)
{
	static const struct {
		int		 error;
		const char	*remedy;
	} remedies[] = {
		{ ENOENT, ": make the file, or correct its name" },
		{ ENOTDIR, ": correct the name of the file" },
		{ EACCES, ": let the user that qtoa runs as read it" },
		{ EISDIR, ": name the file in it" },
	};
	const int	 error = errno;
	const char	*remedy = "";
	size_t		 i;

	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].error == error)
			remedy = remedies[i].remedy;
	return conf_value_refuse(r, "%s: %s%s", file, lang_errno(error), lang_text(remedy));
}

/* Reads the bytes of a file; of a larger one CONF_VALUE_FILE + 1. */
static bool
read_bytes(struct conf_value_reason *r, char text[CONF_VALUE_FILE + 1], size_t *len,
    const char *file)
{
	ssize_t	 n = -1;
	int	 fd;

	*len = 0;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY)) == -1)
		return refuse_file(r, file);
	while (*len <= CONF_VALUE_FILE &&
	    (n = read(fd, text + *len, CONF_VALUE_FILE + 1 - *len)) > 0)
		*len += (size_t)n;
	if (n == -1)
		(void)refuse_file(r, file);
	(void)close(fd);
	return n != -1;
}

/* True: the text is in UTF-16.  Without its mark, every other byte of an ASCII text is NUL. */
static bool
is_utf16(struct slice text)
{
	return text.len >= 2 && (memcmp(text.p, "\xFF\xFE", 2) == 0 ||
	    memcmp(text.p, "\xFE\xFF", 2) == 0 || (text.len % 2 == 0 &&
	    (text.p[0] == '\0') != (text.p[1] == '\0')));
}

static bool
read_file(struct conf_value_reason *r, char text[CONF_VALUE_FILE + 1], struct slice *value,
    const char *file)
{
	*value = (struct slice){ text, 0 };
	if (!read_bytes(r, text, &value->len, file))
		return false;
	if (value->len > CONF_VALUE_FILE)
		return conf_value_refuse(r, "%s: more than %d bytes", file, CONF_VALUE_FILE);
	if (is_utf16(*value))
		return conf_value_refuse(r, "%s: is UTF-16, which Notepad of Windows calls "
		    "Unicode: save it as UTF-8", file);
	if (memchr(text, '\0', value->len) != NULL)
		return conf_value_refuse(r, "%s: is not text, it has a NUL byte", file);
	return true;
}

char *
conf_value_read(struct conf_value_reason *r, const char *v)
{
	char		 text[CONF_VALUE_FILE + 1], *copy;
	struct slice	 value = { NULL, 0 };
	const char	*name = v + 1;

	if (!conf_value_check_indirect(r, v))
		return NULL;
	if (*v == '$' && (v = getenv(name)) == NULL) {
		(void)conf_value_refuse(r, "environment variable %s is not set: set it where "
		    "qtoa starts", name);
		return NULL;
	}
	if (*v == '@') {
		if (!conf_value_check_indirect(r, v) || !read_file(r, text, &value, v + 1))
			return NULL;
	} else {
		value = slice_of(v);
	}
	value = strip_text(value);
	if ((copy = strndup(value.p, value.len)) == NULL)
		(void)conf_value_refuse(r, "out of memory");
	return copy;
}
