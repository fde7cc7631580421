#include <stdarg.h>
#include <string.h>

#include "cli/check/check_result.h"
#include "cli/term.h"
#include "core/format.h"
#include "core/json_write.h"
#include "core/lang.h"

enum {
	TEXT_MAX = 4096,	/* bytes of a result */
	COLUMNS = 4000,		/* columns of each part of a result at most */
	STATE_COLUMNS = 9,	/* of the word before each result */
	NARROW = 40,		/* columns; a narrower terminal has room for ... */
	NARROW_INDENT = 2	/* ... so many blanks before a line that goes on */
};

static const char *const names[CHECK__MAX] = {
	[CHECK_OK] = "ok", [CHECK_WARNING] = "warning", [CHECK_FAILED] = "failed",
};

/* Green, yellow, red: names of ECMA-48. */
static const char *const colours[CHECK__MAX] = {
	[CHECK_OK] = "\x1b[32m", [CHECK_WARNING] = "\x1b[33m", [CHECK_FAILED] = "\x1b[31m",
};

void
check_result_begin(struct check_results *r, FILE *out, bool json)
{
	memset(r, 0, sizeof(*r));
	r->out = out;
	r->json = json;
	r->columns = json ? 0 : term_columns(fileno(out));
	r->colours = !json && term_has_colours(fileno(out));
}

static void
keep_first_error(struct check_results *r, enum error er)
{
	if (r->er == ERR_OK)
		r->er = er;
}

static void
append_json_result(struct check_results *r, enum check_state is, const struct slice parts[3])
{
	static const char *const	 members[3] = { "subject", "text", "remedy" };
	struct buf			*b = &r->list;
	struct buf			 clean = { 0 };
	size_t				 i;

	keep_first_error(r, buf_printf(b, "%s\n{\"state\":\"%s\"", b->len == 0 ? "" : ",",
	    names[is]));
	for (i = 0; i < 3; i++) {
		buf_reset(&clean);
		keep_first_error(r, format_line(&clean, NULL, parts[i], COLUMNS));
		keep_first_error(r, buf_printf(b, ",\"%s\":", members[i]));
		keep_first_error(r, json_write_string(b, buf_slice(&clean)));
	}
	keep_first_error(r, buf_putc(b, '}'));
	buf_free(&clean);
}

/* Appends the word of a state, padded with blanks. */
static void
append_state(struct check_results *r, enum check_state is)
{
	const char	*name = lang_text(names[is]);

	keep_first_error(r, buf_printf(&r->line, "%s%s%s", r->colours ? colours[is] : "", name,
	    r->colours ? "\x1b[0m" : ""));
	keep_first_error(r, term_blanks(&r->line, STATE_COLUMNS -
	    format_columns(slice_of(name))));
}

/* Appends what a result says as one line. */
static void
append_parts(struct check_results *r, struct buf *b, const struct slice parts[3])
{
	const char *const		 before[3] = { "", lang_text(": "), lang_text("; ") };
	size_t				 i;

	for (i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		keep_first_error(r, buf_puts(b, before[i]));
		keep_first_error(r, format_line(b, NULL, parts[i], COLUMNS));
	}
}

/* Prints the result at once: the next check may take seconds. */
static void
print_result(struct check_results *r, enum check_state is, const struct slice parts[3])
{
	struct buf	*b = &r->line, text = { 0 };

	buf_reset(b);
	append_state(r, is);
	append_parts(r, &text, parts);
	keep_first_error(r, r->columns == 0 ? buf_put(b, text.p, text.len) :
	    format_wrap(b, buf_slice(&text), STATE_COLUMNS,
	    r->columns < NARROW ? NARROW_INDENT : STATE_COLUMNS, r->columns));
	keep_first_error(r, buf_putc(b, '\n'));
	(void)fwrite(b->p, 1, b->len, r->out);
	(void)fflush(r->out);
	buf_free(&text);
}

/* A part of the host has a name in each language, an account has its own. */
static const char *
subject_name(const struct check_results *r, const char *subject)
{
	size_t	 i;

	for (i = 0; r->conf != NULL && i < r->conf->n; i++)
		if (r->conf->accounts[i].name != NULL &&
		    strcmp(r->conf->accounts[i].name, subject) == 0)
			return subject;
	return lang_text(subject);
}

void
check_result_add(struct check_results *r, enum check_state is, const char *subject,
    const char *fmt, ...)
{
	char		 text[TEXT_MAX], *end = NULL;
	struct slice	 parts[3] = { slice_of(subject_name(r, subject)) };
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), lang_text(fmt), ap);
	va_end(ap);
	if (is != CHECK_OK && (end = strrchr(text, '\n')) != NULL)
		*end++ = '\0';
	parts[1] = slice_of(text);
	parts[2] = slice_of(end == NULL ? "" : end);
	r->n[is]++;
	(r->json ? append_json_result : print_result)(r, is, parts);
}

bool
check_result_end(struct check_results *r)
{
	const int	 failed = r->n[CHECK_FAILED], warnings = r->n[CHECK_WARNING];

	if (r->json)
		(void)fprintf(r->out, "{\"checks\":[%.*s],\"failed\":%d,\"warnings\":%d}\n",
		    (int)r->list.len, r->list.len == 0 ? "" : r->list.p, failed, warnings);
	else
		(void)fprintf(r->out, lang_text("%d failed, %d warning%s\n"), failed, warnings,
		    warnings == 1 ? "" : "s");
	if (r->er != ERR_OK)
		(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[r->er].name));
	buf_free(&r->line);
	buf_free(&r->list);
	return failed == 0 && r->er == ERR_OK;
}
