#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "report/form.h"
#include "report/number_format.h"

/* QT's events, those that are asked for most first. */
static const char *const codes[] = {
	"$$_official_account_follow", "$$_official_account_unfollow",
	"$$_scan_open_official_account", "$$_menu_click", "$$_receive_msg", "$$_send_localtion",
	"$$_template_send_finish", "$$_send_msg_popup", "$$_click_msg_popup",
	"$$_manager_msg_popup", "$$_mass_send_finish", "$$_publish_job_finish",
};

enum { STEPS_MIN = 4, STEPS_MAX = 8 };	/* of a list of events */

static void
put(struct layout *v, const char *key)
{
	html_text(&v->h, i18n_text(v->l, key));
}

/* An attribute whose value is a stranger's. */
static void
put_value(struct layout *v, const char *value)
{
	html_raw(&v->h, " value=\"");
	html_text(&v->h, value);
	html_raw(&v->h, "\"");
}

static void
open_field(struct layout *v, const char *name, const char *label)
{
	html_printf(&v->h, "<div class=\"field\"><label for=\"f-%s\">", name);
	put(v, label);
	html_raw(&v->h, "</label>");
}

static void
close_field(struct layout *v)
{
	html_raw(&v->h, "</div>");
}

static void
put_choice(struct layout *v, const char *value, const char *text, bool chosen)
{
	html_raw(&v->h, "<option");
	put_value(v, value);
	html_raw(&v->h, chosen ? " selected>" : ">");
	html_text(&v->h, text);
	html_raw(&v->h, "</option>");
}

static void
put_accounts(struct layout *v)
{
	const char		*asked = v->args->account;
	const struct account	*a;

	open_field(v, "account", "account");
	html_raw(&v->h, "<select id=\"f-account\" name=\"account\">");
	put_choice(v, "", i18n_text(v->l, "all_accounts"), *asked == '\0');
	for (a = v->c->accounts; a != v->c->accounts + v->c->n; a++)
		put_choice(v, a->path, a->name, conf_means(a, asked));
	html_raw(&v->h, "</select>");
	close_field(v);
}

static void
put_day(struct layout *v, const char *name, const char *day)
{
	char	 label[32];

	(void)snprintf(label, sizeof(label), "period_%s", name);
	open_field(v, name, label);
	html_printf(&v->h, "<input id=\"f-%s\" name=\"%s\" type=\"date\" required value=\"%s\">",
	    name, name, day);
	close_field(v);
}

/* id: one of several fields of that name. */
static void
put_codes(struct layout *v, const char *name, int id, struct slice chosen)
{
	size_t	 i;

	html_printf(&v->h, "<select id=\"f-%s", name);
	if (id != 0)
		html_printf(&v->h, "-%d", id);
	html_printf(&v->h, "\" name=\"%s\">", name);
	put_choice(v, "", i18n_text(v->l, id != 0 ? "no_step" : "any_event"), chosen.len == 0);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		put_choice(v, codes[i], i18n_text(v->l, codes[i]), slice_is(chosen, codes[i]));
	html_raw(&v->h, "</select>");
}

/* The next entry of "a, b, c"; without bytes at its end. */
static struct slice
next_code(struct slice *list)
{
	struct slice	 code;

	while (list->len != 0 && (*list->p == ' ' || *list->p == ','))
		list->p++, list->len--;
	for (code = *list, code.len = 0; code.len < list->len && code.p[code.len] != ' ' &&
	    code.p[code.len] != ','; code.len++)
		;
	list->p += code.len;
	list->len -= code.len;
	return code;
}

/* A list of events is asked for one by one, under one name; one more can be added. */
static void
put_steps(struct layout *v, const struct report_option *o, const char *value)
{
	struct slice	 list = slice_of(value), code = next_code(&list);
	int		 i;
	bool		 spare = false;

	html_raw(&v->h, "<fieldset><legend class=\"vh\">");
	put(v, o->name);
	html_raw(&v->h, "</legend>");
	for (i = 1; i <= STEPS_MAX && (i <= STEPS_MIN || !spare); i++) {
		html_printf(&v->h, "<div class=\"field\"><label for=\"f-%s-%d\">", o->name, i);
		put(v, "step");
		html_printf(&v->h, " %d</label>", i);
		put_codes(v, o->name, i, code);
		close_field(v);
		spare = code.len == 0;
		code = next_code(&list);
	}
	html_raw(&v->h, "</fieldset>");
}

static void
put_choices(struct layout *v, const struct report_option *o, const char *value)
{
	struct slice	 list = slice_of(o->choices), one;
	char		 key[64];

	html_printf(&v->h, "<select id=\"f-%s\" name=\"%s\">", o->name, o->name);
	if (o->dflt == NULL)
		put_choice(v, "", i18n_text(v->l, "no_step"), *value == '\0');
	for (one = next_code(&list); one.len != 0; one = next_code(&list)) {
		(void)snprintf(key, sizeof(key), "%s.%.*s", o->name, (int)one.len, one.p);
		put_choice(v, key + strlen(o->name) + 1, i18n_text(v->l, key),
		    slice_is(one, value));
	}
	html_raw(&v->h, "</select>");
}

static void
put_text(struct layout *v, const char *name, const char *value)
{
	html_printf(&v->h, "<input id=\"f-%s\" name=\"%s\" dir=\"auto\" maxlength=\"%d\"", name,
	    name, REPORT_VALUE_MAX - 1);
	put_value(v, value);
	html_raw(&v->h, ">");
}

/* Many seconds are also said in days or hours. */
static void
put_seconds(struct layout *v, const char *name, const char *value)
{
	char		 f[NUMBER_FORMAT];
	long long	 s = strtoll(value, NULL, 10);

	if ((strcmp(name, "window") != 0 && strcmp(name, "pause") != 0) || s < 60)
		return;
	number_format_span(f, v->l, (double)s);
	html_printf(&v->h, " (%s)", f);
}

static void
put_option(struct layout *v, const struct report_option *o, const char *value)
{
	if (o->kind == OPTION_CODES) {
		put_steps(v, o, value);
		return;
	}
	html_printf(&v->h, "<div class=\"field\"><label for=\"f-%s\">", o->name);
	put(v, o->name);
	put_seconds(v, o->name, value);
	html_raw(&v->h, "</label>");
	switch (o->kind) {
	case OPTION_CODE:
		put_codes(v, o->name, 0, slice_of(value));
		break;
	case OPTION_NUMBER:
		html_printf(&v->h, "<input id=\"f-%s\" name=\"%s\" type=\"number\" min=\"%lld\" "
		    "max=\"%lld\"", o->name, o->name, (long long)o->min, (long long)o->max);
		put_value(v, value);
		html_raw(&v->h, ">");
		break;
	case OPTION_TEXT:
	case OPTION_CODES:
		if (o->choices != NULL)
			put_choices(v, o, value);
		else
			put_text(v, o->name, value);
		break;
	}
	close_field(v);
}

/* The last 7, 30, 90 days. */
static void
put_presets(struct layout *v)
{
	static const int	 spans[] = { 7, 30, 90 };
	struct report_args	 args = *v->args;
	int64_t			 today = calendar_day_at(v->now_s);
	char			 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	size_t			 i;

	html_raw(&v->h, "<ul class=\"presets\">");
	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		calendar_day_text(from, today - spans[i] + 1);
		calendar_day_text(to, today);
		memcpy(args.from, from, sizeof(from));
		memcpy(args.to, to, sizeof(to));
		html_raw(&v->h, "<li><a href=\"");
		layout_link(v, v->q, &args, "");
		html_printf(&v->h, "\"%s>", strcmp(from, v->args->from) == 0 &&
		    strcmp(to, v->args->to) == 0 ? " aria-current=\"true\"" : "");
		html_printf(&v->h, "%d ", spans[i]);
		put(v, "unit_days");
		html_raw(&v->h, "</a></li>");
	}
	html_raw(&v->h, "</ul>");
}

void
form_put(struct layout *v, const char *wrong)
{
	size_t	 i;

	html_printf(&v->h, "<form method=\"get\" action=\"%sreport%s%s\">", v->up,
	    v->q == NULL ? "" : "/", v->q == NULL ? "" : v->q->name);
	put_accounts(v);
	put_day(v, "from", v->args->from);
	put_day(v, "to", v->args->to);
	for (i = 0; v->q != NULL && i < REPORT_OPTIONS_MAX && v->q->options[i].name != NULL; i++)
		put_option(v, &v->q->options[i], v->args->option[i]);
	html_raw(&v->h, "<button type=\"submit\">");
	put(v, "show");
	html_raw(&v->h, "</button>");
	if (*wrong != '\0') {
		html_raw(&v->h, "<p class=\"wrong\" role=\"alert\">");
		html_text(&v->h, wrong);
		html_raw(&v->h, "</p>");
	}
	html_raw(&v->h, "</form>");
	put_presets(v);
}
