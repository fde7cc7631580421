#include <string.h>

#include "core/json_write.h"
#include "core/utf8.h"
#include "monitor/health.h"

/* One of the two lists. */
struct list {
	struct buf	*out;
	bool		 bad;	/* of what is; else of warnings */
	size_t		 n;
	enum error	 er;
};

/* A name and the state directory may be any bytes; JSON is UTF-8. */
static enum error
put_clean(struct buf *out, const char *text)
{
	static const char	 unknown[] = "\xEF\xBF\xBD";	/* U+FFFD */
	const char		*p = text, *end = text + strlen(text), *from;
	enum error		 er = ERR_OK;
	bool			 valid;

	while (p != end && er == ERR_OK) {
		from = p;
		(void)utf8_next(&p, end, &valid);
		er = valid ? buf_put(out, from, (size_t)(p - from)) : buf_puts(out, unknown);
	}
	return er;
}

static enum error
put_member(struct buf *out, const char *before, const char *text)
{
	struct buf	 clean = { 0 };
	enum error	 er;

	if ((er = buf_puts(out, before)) == ERR_OK && (er = put_clean(&clean, text)) == ERR_OK)
		er = json_write_string(out, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

/* A health_state_each. */
static void
put_sign(void *ctx, const struct health_sign *s)
{
	struct list	*l = ctx;

	if (s->bad != l->bad || l->er != ERR_OK)
		return;
	if ((l->er = put_member(l->out, l->n++ == 0 ? "{\"what\":" : ",{\"what\":",
	    s->what)) == ERR_OK &&
	    (l->er = put_member(l->out, ",\"account\":", s->account)) == ERR_OK &&
	    (l->er = put_member(l->out, ",\"text\":", s->text)) == ERR_OK)
		l->er = buf_putc(l->out, '}');
}

static void
count_bad(void *ctx, const struct health_sign *s)
{
	*(size_t *)ctx += s->bad;
}

static enum error
put_list(struct buf *out, const char *name, bool bad, const struct health_state *v)
{
	struct list	 l = { .out = out, .bad = bad };

	if ((l.er = buf_printf(out, ",\"%s\":[", name)) == ERR_OK)
		health_state_judge(v, put_sign, &l);
	return l.er == ERR_OK ? buf_putc(out, ']') : l.er;
}

enum error
health_make(struct buf *out, bool *well, const struct health_state *v)
{
	size_t		 bad = 0;
	enum error	 er;

	buf_reset(out);
	health_state_judge(v, count_bad, &bad);
	*well = bad == 0;
	if ((er = buf_printf(out, "{\"status\":\"%s\"", *well ? "ok" : "failing")) == ERR_OK &&
	    (er = put_list(out, "problems", true, v)) == ERR_OK &&
	    (er = put_list(out, "warnings", false, v)) == ERR_OK)
		er = buf_puts(out, "}\n");
	return er;
}
