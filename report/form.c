#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "report/form.h"
#include "report/number_format.h"

enum { STEPS_MIN = 4, STEPS_MAX = 8 };	/* number of fields for a list of events */

/* Writes the attribute `value` with foreign text. */
static void
put_value_attribute(struct layout *l, const char *value)
{
	html_raw(&l->html, " value=\"");
	html_text(&l->html, value);
	html_raw(&l->html, "\"");
}

static void
open_field(struct layout *l, const char *name, const char *label)
{
	html_printf(&l->html, "<div class=\"field\"><label for=\"f-%s\">", name);
	layout_put_text(l, label);
	html_raw(&l->html, "</label>");
}

static void
close_field(struct layout *l)
{
	html_raw(&l->html, "</div>");
}

static void
put_option_element(struct layout *l, const char *value, const char *text, bool chosen)
{
	html_raw(&l->html, "<option");
	put_value_attribute(l, value);
	html_raw(&l->html, chosen ? " selected>" : ">");
	html_text(&l->html, text);
	html_raw(&l->html, "</option>");
}

static void
put_account_field(struct layout *l)
{
	const char		*chosen = l->args->account;
	const struct account	*a;

	open_field(l, "account", "account");
	html_raw(&l->html, "<select id=\"f-account\" name=\"account\">");
	put_option_element(l, "", i18n_text(l->language, "all_accounts"), *chosen == '\0');
	for (a = l->conf->accounts; a != l->conf->accounts + l->conf->n; a++)
		put_option_element(l, a->path, a->name, conf_means(a, chosen));
	html_raw(&l->html, "</select>");
	close_field(l);
}

static void
put_day_field(struct layout *l, const char *name, const char *day)
{
	char	 label[32];

	(void)snprintf(label, sizeof(label), "period_%s", name);
	open_field(l, name, label);
	html_printf(&l->html, "<input id=\"f-%s\" name=\"%s\" type=\"date\" required value=\"%s\">",
	    name, name, day);
	close_field(l);
}

/* Writes a list of events to choose from.  id: from 1, if several fields have this name; else 0. */
static void
put_code_select(struct layout *l, const char *name, int id, struct slice chosen)
{
	const char *const	*code;

	html_printf(&l->html, "<select id=\"f-%s", name);
	if (id != 0)
		html_printf(&l->html, "-%d", id);
	html_printf(&l->html, "\" name=\"%s\">", name);
	put_option_element(l, "", i18n_text(l->language, id != 0 ? "no_step" : "any_event"),
	    chosen.len == 0);
	for (code = questions_codes; *code != NULL; code++)
		put_option_element(l, *code, i18n_text(l->language, *code),
		    slice_is(chosen, *code));
	html_raw(&l->html, "</select>");
}

/* Takes the next item off a list "a, b, c"; an empty item: the list is at its end. */
static struct slice
next_list_item(struct slice *list)
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

/* Writes a field for each event of a list, all with one name, and an empty one for one more. */
static void
put_code_fields(struct layout *l, const struct report_option *o, const char *value)
{
	struct slice	 list = slice_of(value), code = next_list_item(&list);
	int		 i;
	bool		 has_empty = false;

	html_raw(&l->html, "<fieldset><legend class=\"vh\">");
	layout_put_text(l, o->name);
	html_raw(&l->html, "</legend>");
	for (i = 1; i <= STEPS_MAX && (i <= STEPS_MIN || !has_empty); i++) {
		html_printf(&l->html, "<div class=\"field\"><label for=\"f-%s-%d\">", o->name, i);
		layout_put_text(l, "step");
		html_printf(&l->html, " %d</label>", i);
		put_code_select(l, o->name, i, code);
		close_field(l);
		has_empty = code.len == 0;
		code = next_list_item(&list);
	}
	html_raw(&l->html, "</fieldset>");
}

static void
put_choice_select(struct layout *l, const struct report_option *o, const char *value)
{
	struct slice	 list = slice_of(o->choices), choice;
	char		 key[64];

	html_printf(&l->html, "<select id=\"f-%s\" name=\"%s\">", o->name, o->name);
	if (o->dflt == NULL)
		put_option_element(l, "", i18n_text(l->language, "no_step"), *value == '\0');
	for (choice = next_list_item(&list); choice.len != 0; choice = next_list_item(&list)) {
		(void)snprintf(key, sizeof(key), "%s.%.*s", o->name, (int)choice.len, choice.p);
		put_option_element(l, key + strlen(o->name) + 1, i18n_text(l->language, key),
		    slice_is(choice, value));
	}
	html_raw(&l->html, "</select>");
}

static void
put_text_input(struct layout *l, const char *name, const char *value)
{
	html_printf(&l->html, "<input id=\"f-%s\" name=\"%s\" dir=\"auto\" maxlength=\"%d\"", name,
	    name, REPORT_VALUE_MAX - 1);
	put_value_attribute(l, value);
	html_raw(&l->html, ">");
}

/* Writes an option's seconds in a larger unit, "(7 d)". */
static void
put_seconds_hint(struct layout *l, const char *name, const char *value)
{
	char		 span[NUMBER_FORMAT_TEXT];
	long long	 s = strtoll(value, NULL, 10);

	if ((strcmp(name, "window") != 0 && strcmp(name, "pause") != 0) || s < 60)
		return;
	number_format_span(span, l->language, (double)s);
	html_printf(&l->html, " (%s)", span);
}

static void
put_option_field(struct layout *l, const struct report_option *o, const char *value)
{
	if (o->kind == OPTION_CODES) {
		put_code_fields(l, o, value);
		return;
	}
	html_printf(&l->html, "<div class=\"field\"><label for=\"f-%s\">", o->name);
	layout_put_text(l, o->name);
	put_seconds_hint(l, o->name, value);
	html_raw(&l->html, "</label>");
	switch (o->kind) {
	case OPTION_CODE:
		put_code_select(l, o->name, 0, slice_of(value));
		break;
	case OPTION_NUMBER:
		html_printf(&l->html, "<input id=\"f-%s\" name=\"%s\" type=\"number\" min=\"%lld\" "
		    "max=\"%lld\"", o->name, o->name, (long long)o->min, (long long)o->max);
		put_value_attribute(l, value);
		html_raw(&l->html, ">");
		break;
	case OPTION_TEXT:
	case OPTION_CODES:
		if (o->choices != NULL)
			put_choice_select(l, o, value);
		else
			put_text_input(l, o->name, value);
		break;
	}
	close_field(l);
}

/* Writes links to the last 7, 30 and 90 days. */
static void
put_preset_links(struct layout *l)
{
	static const int	 spans[] = { 7, 30, 90 };
	struct report_args	 args = *l->args;
	int64_t			 today = calendar_day_at(l->now_s);
	char			 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	size_t			 i;

	html_raw(&l->html, "<ul class=\"presets\">");
	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		calendar_day_text(from, today - spans[i] + 1);
		calendar_day_text(to, today);
		memcpy(args.from, from, sizeof(from));
		memcpy(args.to, to, sizeof(to));
		html_raw(&l->html, "<li><a href=\"");
		layout_link(l, l->q, &args, "");
		html_printf(&l->html, "\"%s>", strcmp(from, l->args->from) == 0 &&
		    strcmp(to, l->args->to) == 0 ? " aria-current=\"true\"" : "");
		html_printf(&l->html, "%d ", spans[i]);
		layout_put_text(l, "unit_days");
		html_raw(&l->html, "</a></li>");
	}
	html_raw(&l->html, "</ul>");
}

void
form_put(struct layout *l, const char *wrong)
{
	size_t	 i;

	html_printf(&l->html, "<form method=\"get\" action=\"%sreport%s%s\">", l->base,
	    l->q == NULL ? "" : "/", l->q == NULL ? "" : l->q->name);
	put_account_field(l);
	put_day_field(l, "from", l->args->from);
	put_day_field(l, "to", l->args->to);
	for (i = 0; l->q != NULL && i < REPORT_OPTIONS_MAX && l->q->options[i].name != NULL; i++)
		put_option_field(l, &l->q->options[i], l->args->option[i]);
	html_raw(&l->html, "<button type=\"submit\">");
	layout_put_text(l, "show");
	html_raw(&l->html, "</button>");
	if (*wrong != '\0') {
		html_raw(&l->html, "<p class=\"wrong\" role=\"alert\">");
		html_text(&l->html, wrong);
		html_raw(&l->html, "</p>");
	}
	html_raw(&l->html, "</form>");
	put_preset_links(l);
}
