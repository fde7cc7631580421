#include <string.h>

#include "core/utf8.h"
#include "monitor/health.h"
#include "wechat/event.h"

/* One of the two lists. */
struct list {
	struct buf	*out;
	bool		 bad;	/* of what is; else of warnings */
	size_t		 n;
	enum qt_err	 er;
};

/* A name and the state directory may be any bytes; JSON is UTF-8. */
static enum qt_err
put_clean(struct buf *out, const char *text)
{
	static const char	 unknown[] = "\xEF\xBF\xBD";	/* U+FFFD */
	const char		*p = text, *end = text + strlen(text), *from;
	enum qt_err		 er = QT_OK;
	bool			 valid;

	while (p != end && er == QT_OK) {
		from = p;
		(void)utf8_next(&p, end, &valid);
		er = valid ? buf_put(out, from, (size_t)(p - from)) : buf_puts(out, unknown);
	}
	return er;
}

static enum qt_err
put_member(struct buf *out, const char *before, const char *text)
{
	struct buf	 clean = { 0 };
	enum qt_err	 er;

	if ((er = buf_puts(out, before)) == QT_OK && (er = put_clean(&clean, text)) == QT_OK)
		er = event_json_string(out, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

/* A vitals_each. */
static void
put_sign(void *ctx, const struct vital_sign *s)
{
	struct list	*l = ctx;

	if (s->bad != l->bad || l->er != QT_OK)
		return;
	if ((l->er = put_member(l->out, l->n++ == 0 ? "{\"what\":" : ",{\"what\":",
	    s->what)) == QT_OK &&
	    (l->er = put_member(l->out, ",\"account\":", s->account)) == QT_OK &&
	    (l->er = put_member(l->out, ",\"text\":", s->text)) == QT_OK)
		l->er = buf_putc(l->out, '}');
}

static void
count_bad(void *ctx, const struct vital_sign *s)
{
	*(size_t *)ctx += s->bad;
}

static enum qt_err
put_list(struct buf *out, const char *name, bool bad, const struct vitals *v)
{
	struct list	 l = { .out = out, .bad = bad };

	if ((l.er = buf_printf(out, ",\"%s\":[", name)) == QT_OK)
		vitals_judge(v, put_sign, &l);
	return l.er == QT_OK ? buf_putc(out, ']') : l.er;
}

enum qt_err
pulse_make(struct buf *out, bool *well, const struct vitals *v)
{
	size_t		 bad = 0;
	enum qt_err	 er;

	buf_reset(out);
	vitals_judge(v, count_bad, &bad);
	*well = bad == 0;
	if ((er = buf_printf(out, "{\"status\":\"%s\"", *well ? "ok" : "failing")) == QT_OK &&
	    (er = put_list(out, "problems", true, v)) == QT_OK &&
	    (er = put_list(out, "warnings", false, v)) == QT_OK)
		er = buf_puts(out, "}\n");
	return er;
}
