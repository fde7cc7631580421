#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "monitor/alert_signs.h"

enum { HOUR_MS = 3600000 };

/* Signs that follow from others of their account: the first, if it is there, else the second. */
static const struct {
	const char	*what, *causes[2];
} consequences[] = {
	{ "pending", { "stopped", "breaker" } },
	{ "gateway", { "breaker", "breaker" } },
};

static bool
is_there(const struct alert_signs *l, const char *what, const char *account)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->now[i].what, what) == 0 &&
		    strncmp(l->now[i].account, account, ALERT_FILE_ACCOUNT - 1) == 0)
			return true;
	return false;
}

/* The sign of which this one is a consequence, or this one. */
static const char *
cause_of(const struct alert_signs *l, const struct health_sign *s)
{
	size_t	 i;

	for (i = 0; i < sizeof(consequences) / sizeof(consequences[0]); i++)
		if (strcmp(s->what, consequences[i].what) == 0)
			return consequences[i].causes[is_there(l, consequences[i].causes[0],
			    s->account) ? 0 : 1];
	return s->what;
}

static void
copy_name(char *to, size_t size, const char *from)
{
	const size_t	 len = utf8_cut(slice_of(from), size - 1);

	memcpy(to, from, len);
	memset(to + len, 0, size - len);
}

/* Adds a text behind those of the same sign. */
static void
append_sign_text(struct alert_signs_now *to, const char *text)
{
	const size_t	 len = strlen(to->text);

	(void)snprintf(to->text + len, sizeof(to->text) - len, "%s%s", len == 0 ? "" : "; ", text);
	to->text[utf8_cut(slice_of(to->text), sizeof(to->text) - 1)] = '\0';
}

void
alert_signs_add(void *ctx, const struct health_sign *s)
{
	struct alert_signs	*l = ctx;
	struct alert_signs_now	 k = { .is_bad = s->bad }, *to;

	copy_name(k.what, sizeof(k.what), cause_of(l, s));
	copy_name(k.account, sizeof(k.account), s->account);
	for (to = l->now; to != l->now + l->n; to++)
		if (strcmp(to->what, k.what) == 0 && strcmp(to->account, k.account) == 0 &&
		    to->is_bad == k.is_bad) {
			append_sign_text(to, s->text);
			return;
		}
	if (l->n == ALERT_FILE_SIGNS)
		return;
	append_sign_text(&k, s->text);
	l->now[l->n++] = k;
}

const struct alert_signs_now *
alert_signs_find(const struct alert_signs *now, const struct alert_file_sign *s)
{
	size_t	 i;

	for (i = 0; i < now->n; i++)
		if (strcmp(now->now[i].what, s->what) == 0 &&
		    strcmp(now->now[i].account, s->account) == 0 &&
		    now->now[i].is_bad == (s->is_bad != 0))
			return &now->now[i];
	return NULL;
}

static bool
has_lasted(const struct alert_file_sign *s, const struct alert_signs_rule *rule, int64_t now_ms)
{
	return now_ms - s->changed_ms >= rule->after_ms;
}

bool
alert_signs_is_news(const struct alert_file_sign *s, const struct alert_signs_rule *rule,
    int64_t now_ms)
{
	return s->is_there != s->is_told && has_lasted(s, rule, now_ms);
}

/* True: the hour in which messages are counted is over. */
static bool
is_hour_over(const struct alert_file_state *st, int64_t now_ms)
{
	return now_ms < st->hour_ms || now_ms - st->hour_ms >= HOUR_MS;
}

/* True: no further message may be sent in this hour. */
static bool
is_hour_full(const struct alert_file_state *st, const struct alert_signs_rule *rule,
    int64_t now_ms)
{
	return !is_hour_over(st, now_ms) && st->hour_sent >= rule->per_hour;
}

/* Notes one sign of the file.  True: it has changed. */
static bool
see_sign(struct alert_file_state *st, struct alert_file_sign *s, bool is_there,
    const struct alert_signs_rule *rule, int64_t now_ms)
{
	bool	 was_due;

	if (s->changed_ms > now_ms) {		/* the clock was set back */
		s->changed_ms = now_ms;
		if (s->since_ms > now_ms)
			s->since_ms = now_ms;
	}
	was_due = s->is_due != 0;
	if (is_there == (s->is_there != 0)) {
		s->is_due = alert_signs_is_news(s, rule, now_ms);
		return was_due != (s->is_due != 0);
	}
	if (was_due) {		/* nobody was told, and now there is nothing to tell */
		st->missed += 2;
		st->limited = st->limited || is_hour_full(st, rule, now_ms);
	}
	s->is_due = 0;
	s->is_there = is_there;
	s->changed_ms = now_ms;
	if (is_there && !s->is_told)
		s->since_ms = now_ms;
	return true;
}

/* Drops those that are over and of which nobody was told.  True: there were some. */
static bool
drop_over(struct alert_file_state *st)
{
	int64_t	 i, n = 0;
	bool	 dropped;

	for (i = 0; i < st->nsigns; i++)
		if (st->sign[i].is_there || st->sign[i].is_told)
			st->sign[n++] = st->sign[i];
	dropped = n != st->nsigns;
	st->nsigns = n;
	return dropped;
}

/* Adds the signs that the file does not have.  True: there were some. */
static bool
add_new(struct alert_file_state *st, const struct alert_signs *now, int64_t now_ms)
{
	const int64_t		 before = st->nsigns;
	struct alert_file_sign	*s;
	size_t			 i;
	int64_t			 k;

	for (i = 0; i < now->n; i++) {
		for (k = 0; k < before; k++)
			if (alert_signs_find(now, &st->sign[k]) == &now->now[i])
				break;
		if (k != before || st->nsigns == ALERT_FILE_SIGNS)
			continue;
		s = &st->sign[st->nsigns++];
		memset(s, 0, sizeof(*s));
		memcpy(s->what, now->now[i].what, sizeof(s->what));
		memcpy(s->account, now->now[i].account, sizeof(s->account));
		s->is_bad = now->now[i].is_bad;
		s->is_there = 1;
		s->since_ms = s->changed_ms = now_ms;
	}
	return st->nsigns != before;
}

bool
alert_signs_see(struct alert_file_state *st, const struct alert_signs *now,
    const struct alert_signs_rule *rule, int64_t now_ms)
{
	bool	 changed = false;
	int64_t	 i;

	for (i = 0; i < st->nsigns; i++)
		if (see_sign(st, &st->sign[i], alert_signs_find(now, &st->sign[i]) != NULL, rule,
		    now_ms))
			changed = true;
	if (drop_over(st))
		changed = true;
	return add_new(st, now, now_ms) || changed;
}

bool
alert_signs_due(const struct alert_file_state *st, const struct alert_signs_rule *rule,
    int64_t now_ms)
{
	int64_t	 i;

	if (is_hour_full(st, rule, now_ms))
		return false;
	for (i = 0; i < st->nsigns; i++)
		if (alert_signs_is_news(&st->sign[i], rule, now_ms))
			return true;
	return st->limited != 0;
}

void
alert_signs_told(struct alert_file_state *st, const struct alert_signs_rule *rule, int64_t now_ms,
    bool sent)
{
	int64_t	 i;

	if (sent)
		st->missed = 0;
	st->limited = 0;
	for (i = 0; i < st->nsigns; i++) {
		if (!alert_signs_is_news(&st->sign[i], rule, now_ms))
			continue;
		st->sign[i].is_told = st->sign[i].is_there;
		st->sign[i].is_due = 0;
		st->missed += !sent;
	}
	(void)drop_over(st);
	if (is_hour_over(st, now_ms)) {
		st->hour_ms = now_ms;
		st->hour_sent = 0;
	}
	st->hour_sent += sent;
}
