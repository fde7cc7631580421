#include <inttypes.h>

#include "core/json_write.h"
#include "wechat/event.h"

void
event_reset(struct event *ev)
{
	message_reset(&ev->message);
	ev->nattr = 0;
}

void
event_free(struct event *ev)
{
	message_free(&ev->message);
	ev->nattr = 0;
}

static enum error
append_string_or_null(struct buf *out, struct slice text)
{
	return text.p == NULL ? buf_puts(out, "null") : json_write_string(out, text);
}

static enum error
append_attribute(struct buf *out, const struct event_attr *a, bool first)
{
	enum error	 er;

	if ((!first && (er = buf_putc(out, ',')) != ERR_OK) ||
	    (er = json_write_string(out, slice_of(a->key))) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK)
		return er;
	return a->type == EVENT_NUMBER ? buf_put(out, a->value.p, a->value.len) :
	    json_write_string(out, a->value);
}

enum error
event_attributes(struct buf *out, const struct event *ev)
{
	enum error	 er = buf_putc(out, '{');
	size_t		 i;

	for (i = 0; i < ev->nattr && er == ERR_OK; i++)
		er = append_attribute(out, &ev->attr[i], i == 0);
	return er == ERR_OK ? buf_putc(out, '}') : er;
}

enum error
event_json(struct buf *out, const struct event *ev)
{
	const struct message	*m = &ev->message;
	enum error		 er;

	if ((er = buf_puts(out, "{\"event_code\":")) != ERR_OK ||
	    (er = append_string_or_null(out, slice_of(m->code))) != ERR_OK ||
	    (er = buf_puts(out, ",\"user\":")) != ERR_OK ||
	    (er = append_string_or_null(out, m->user)) != ERR_OK ||
	    (er = buf_puts(out, ",\"time\":")) != ERR_OK ||
	    (er = m->time_s == 0 ? buf_puts(out, "null") :
	    buf_printf(out, "%" PRId64, m->time_s)) != ERR_OK ||
	    (er = buf_puts(out, ",\"attributes\":")) != ERR_OK ||
	    (er = event_attributes(out, ev)) != ERR_OK)
		return er;
	return buf_putc(out, '}');
}
