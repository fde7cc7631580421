#include <stdarg.h>
#include <string.h>

#include "cli/check/check_result.h"
#include "core/format.h"
#include "core/json_write.h"

enum {
	TEXT_MAX = 4096,	/* bytes of a finding */
	COLUMNS = 4000		/* of each part of it */
};

static const char *const names[CHECK__MAX] = {
	[CHECK_OK] = "ok", [CHECK_WARNING] = "warning", [CHECK_FAILED] = "failed",
};

void
check_result_begin(struct check_results *f, FILE *out, bool json)
{
	memset(f, 0, sizeof(*f));
	f->out = out;
	f->json = json;
}

static void
keep(struct check_results *f, enum error er)
{
	if (f->er == ERR_OK)
		f->er = er;
}

static void
add_json(struct check_results *f, const char *state, const struct slice parts[3])
{
	static const char *const	 members[3] = { "subject", "text", "remedy" };
	struct buf			*b = &f->list;
	struct buf			 clean = { 0 };
	size_t				 i;

	keep(f, buf_printf(b, "%s\n{\"state\":\"%s\"", b->len == 0 ? "" : ",", state));
	for (i = 0; i < 3; i++) {
		buf_reset(&clean);
		keep(f, format_line(&clean, NULL, parts[i], COLUMNS));
		keep(f, buf_printf(b, ",\"%s\":", members[i]));
		keep(f, json_write_string(b, buf_slice(&clean)));
	}
	keep(f, buf_putc(b, '}'));
	buf_free(&clean);
}

/* At once: what follows may take its time. */
static void
print(struct check_results *f, const char *state, const struct slice parts[3])
{
	static const char *const	 before[3] = { "", ": ", "; " };
	struct buf			*b = &f->line;
	size_t				 i;

	buf_reset(b);
	keep(f, buf_printf(b, "%-8s ", state));
	for (i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		keep(f, buf_puts(b, before[i]));
		keep(f, format_line(b, NULL, parts[i], COLUMNS));
	}
	keep(f, buf_putc(b, '\n'));
	(void)fwrite(b->p, 1, b->len, f->out);
	(void)fflush(f->out);
}

void
check_result_add(struct check_results *f, enum check_state is, const char *subject, const char *fmt, ...)
{
	char		 text[TEXT_MAX], *end = NULL;
	struct slice	 parts[3] = { slice_of(subject) };
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (is != CHECK_OK && (end = strrchr(text, '\n')) != NULL)
		*end++ = '\0';
	parts[1] = slice_of(text);
	parts[2] = slice_of(end == NULL ? "" : end);
	f->n[is]++;
	(f->json ? add_json : print)(f, names[is], parts);
}

bool
check_result_end(struct check_results *f)
{
	const int	 failed = f->n[CHECK_FAILED], warnings = f->n[CHECK_WARNING];

	if (f->json)
		(void)fprintf(f->out, "{\"checks\":[%.*s],\"failed\":%d,\"warnings\":%d}\n",
		    (int)f->list.len, f->list.len == 0 ? "" : f->list.p, failed, warnings);
	else
		(void)fprintf(f->out, "%d failed, %d warning%s\n", failed, warnings,
		    warnings == 1 ? "" : "s");
	if (f->er != ERR_OK)
		(void)fprintf(stderr, "qtoa: %s\n", error_table[f->er].name);
	buf_free(&f->line);
	buf_free(&f->list);
	return failed == 0 && f->er == ERR_OK;
}
