#include <string.h>

#include "core/json_write.h"
#include "core/utf8.h"
#include "monitor/health.h"

/* The list of problems or of warnings in the JSON, while it is written. */
struct sign_list {
	struct buf	*out;
	bool		 bad;	/* problems; else warnings */
	size_t		 n;
	enum error	 er;
};

/*
 * Appends any text (a name, a path).  What is not printable UTF-8 becomes U+FFFD, but for the
 * control characters that JSON escapes.
 */
static enum error
append_printable(struct buf *out, const char *text)
{
	static const char	 unknown[] = "\xEF\xBF\xBD";	/* U+FFFD */
	const char		*p = text, *end = text + strlen(text), *from;
	enum error		 er = ERR_OK;

	while (p != end && er == ERR_OK) {
		from = p;
		er = utf8_skip_printable(&p, end) || (unsigned char)*from < 0x20 ?
		    buf_put(out, from, (size_t)(p - from)) : buf_puts(out, unknown);
	}
	return er;
}

static enum error
append_member(struct buf *out, const char *before, const char *text)
{
	struct buf	 clean = { 0 };
	enum error	 er;

	if ((er = buf_puts(out, before)) == ERR_OK &&
	    (er = append_printable(&clean, text)) == ERR_OK)
		er = json_write_string(out, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

/* Appends a sign that belongs in the list.  It is a health_state_each. */
static void
append_sign(void *ctx, const struct health_sign *s)
{
	struct sign_list	*l = ctx;

	if (s->bad != l->bad || l->er != ERR_OK)
		return;
	if ((l->er = append_member(l->out, l->n++ == 0 ? "{\"what\":" : ",{\"what\":",
	    s->what)) == ERR_OK &&
	    (l->er = append_member(l->out, ",\"account\":", s->account)) == ERR_OK &&
	    (l->er = append_member(l->out, ",\"text\":", s->text)) == ERR_OK)
		l->er = buf_putc(l->out, '}');
}

/* Counts the problems.  It is a health_state_each. */
static void
count_problem(void *ctx, const struct health_sign *s)
{
	*(size_t *)ctx += s->bad;
}

static enum error
append_signs(struct buf *out, const char *name, bool bad, const struct health_state *h)
{
	struct sign_list	 l = { .out = out, .bad = bad };

	if ((l.er = buf_printf(out, ",\"%s\":[", name)) == ERR_OK)
		health_state_judge(h, append_sign, &l);
	return l.er == ERR_OK ? buf_putc(out, ']') : l.er;
}

enum error
health_make(struct buf *out, bool *well, const struct health_state *h)
{
	size_t		 bad = 0;
	enum error	 er;

	buf_reset(out);
	health_state_judge(h, count_problem, &bad);
	*well = bad == 0;
	if ((er = buf_printf(out, "{\"status\":\"%s\"", *well ? "ok" : "failing")) == ERR_OK &&
	    (er = append_signs(out, "problems", true, h)) == ERR_OK &&
	    (er = append_signs(out, "warnings", false, h)) == ERR_OK)
		er = buf_puts(out, "}\n");
	return er;
}
