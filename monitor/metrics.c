#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "monitor/metrics.h"
#include "state/counters.h"
#include "state/reply_table.h"

enum {
	PATH	= 64,
	SECONDS	= 32
};

static const char	 no_account[] = "-";	/* stands for no account */

/*
 * The counters of one account.  The account may be no longer in the configuration.  The first row
 * is for requests that belong to no account.
 */
struct account_row {
	const struct health_account	*now;	/* NULL: it is not in the configuration */
	char				 path[PATH + 1];
	struct buf			 label;	/* as in the page; no other row has the same */
	const char			*relay;	/* its name, if it is a relay's row; else NULL */
	struct counter_total		 total;
};

struct exposition {
	struct buf			*out;
	const struct health_state	*health;
	struct account_row		*rows;
	size_t				 n, room;
	struct account_row		 store;		/* commits to the store that hosts share */
	struct reply_table_entry	*replies;	/* what rules have answered */
	size_t				 nreplies;
	enum error			 er;	/* the first error; after it nothing is written */
};

static void
append_text(struct exposition *x, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
append_text(struct exposition *x, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	if (x->er == ERR_OK)
		x->er = buf_vprintf(x->out, fmt, ap);
	va_end(ap);
}

/*
 * The rows of accounts.
 */

/* Adds a row of zeros.  NULL: no memory, and x->er says so. */
static struct account_row *
add_account_row(struct exposition *x, const struct health_account *now, struct slice path)
{
	const size_t		 room = x->room == 0 ? x->health->n + 8 : x->room * 2;
	struct account_row	*r;

	if (x->n == x->room) {
		if ((r = realloc(x->rows, room * sizeof(*r))) == NULL) {
			x->er = ERR_NOMEM;
			return NULL;
		}
		x->rows = r;
		x->room = room;
	}
	r = &x->rows[x->n++];
	memset(r, 0, sizeof(*r));
	r->now = now;
	if (path.len != 0)
		memcpy(r->path, path.p, path.len < PATH ? path.len : PATH);
	return r;
}

/* Sets an account's totals, in a new row if need be.  It is a counters_each_total. */
static void
set_account_total(void *ctx, struct slice account, const struct counter_total *t)
{
	struct exposition	*x = ctx;
	struct account_row	*r = NULL;
	size_t			 i;

	if (x->er != ERR_OK)
		return;
	if (counters_is_store(account)) {
		x->store.total = *t;
		return;
	}
	for (i = 0; i < x->n && r == NULL; i++)
		if (strlen(x->rows[i].path) == account.len &&
		    (account.len == 0 || memcmp(x->rows[i].path, account.p, account.len) == 0))
			r = &x->rows[i];
	if (r == NULL && counters_is_relay(account))	/* of a relay that is no longer there */
		return;
	if (r != NULL || (r = add_account_row(x, NULL, account)) != NULL)
		r->total = *t;
}

/* Appends a label's value, escaped; what is not printable becomes U+FFFD. */
static enum error
append_label_value(struct buf *b, const char *text)
{
	const char	*at = text, *end = text + strlen(text), *begun;
	enum error	 er = ERR_OK;

	while (at != end && er == ERR_OK) {
		begun = at;
		if (!utf8_skip_printable(&at, end))
			er = *begun == '\n' ? buf_puts(b, "\\n") : buf_puts(b, "\xEF\xBF\xBD");
		else if (*begun == '\\' || *begun == '"')
			er = buf_printf(b, "\\%c", *begun);
		else
			er = buf_put(b, begun, (size_t)(at - begun));
	}
	return er;
}

static bool
is_label_taken(const struct exposition *x, const struct account_row *r)
{
	const struct account_row	*other;

	for (other = x->rows; other != r; other++)
		if (other->label.len == r->label.len &&
		    memcmp(other->label.p, r->label.p, r->label.len) == 0)
			return true;
	return false;
}

/*
 * Sets a row's label to the account's name.  Prometheus refuses a page that has two lines with the
 * same labels, so a name that another row has is followed by the path, and then by a number.
 */
static void
make_label(struct exposition *x, struct account_row *r)
{
	const char	*name = r->now != NULL ? r->now->account->name : r->path;
	char		 more[PATH + 32] = "";
	int		 tries;

	if (r == x->rows)
		name = no_account;
	for (tries = 0; x->er == ERR_OK; tries++) {
		if (tries == 1)
			(void)snprintf(more, sizeof(more), " (%s)", r->path);
		else if (tries > 1)
			(void)snprintf(more, sizeof(more), " (%s) %d", r->path, tries);
		r->label.len = 0;
		if ((x->er = append_label_value(&r->label, name)) == ERR_OK)
			x->er = append_label_value(&r->label, more);
		if (x->er == ERR_OK && !is_label_taken(x, r))
			return;
	}
}

/* Keeps a rule's replies.  It is a reply_table_each. */
static void
keep_replies(void *ctx, const struct reply_table_entry *e)
{
	struct exposition	*x = ctx;

	if (x->replies == NULL)
		x->replies = calloc(REPLY_TABLE_PLACES, sizeof(*x->replies));
	if (x->replies == NULL)
		x->er = ERR_NOMEM;
	else
		x->replies[x->nreplies++] = *e;
}

/* A relay's first label is that of its account. */
static void
label_relay(struct exposition *x, struct account_row *r)
{
	const struct conf	*c = x->health->conf;
	const struct buf	*label = &x->rows[1 + (conf_owner(c, r->now->account) -
				    c->accounts)].label;

	if (x->er == ERR_OK)
		x->er = buf_put(&r->label, label->p, label->len);
}

static enum error
make_account_rows(struct exposition *x)
{
	const struct health_state	*health = x->health;
	enum error			 er;
	size_t				 i;

	if (add_account_row(x, NULL, slice_of("")) == NULL)
		return x->er;
	for (i = 0; i < health->n + health->nrelays; i++)
		if (add_account_row(x, &health->accounts[i],
		    slice_of(health->accounts[i].account->path)) == NULL)
			return x->er;
	for (i = health->n; i < health->n + health->nrelays; i++)
		x->rows[i + 1].relay = conf_relay(health->conf, health->accounts[i].account)->name;
	if ((er = counters_totals(health->conf->set.state_dir, set_account_total, x)) != ERR_OK ||
	    (er = reply_table_read(health->conf->set.state_dir, keep_replies, x)) != ERR_OK)
		return er;
	for (i = 0; i < x->n; i++)
		if (x->rows[i].relay == NULL)
			make_label(x, &x->rows[i]);
	for (i = health->n; i < health->n + health->nrelays; i++)
		label_relay(x, &x->rows[i + 1]);
	return x->er;
}

/*
 * Samples: the lines with numbers.
 */

struct family;

/* Appends the samples of an account; of the whole program if the family has no accounts. */
typedef void	 append_samples(struct exposition *x, const struct family *f,
		    const struct account_row *r);

/* A part of a counter: the value of the second label, and the enum counters that it sums up. */
struct part {
	const char	*value;
	int		 from, end;	/* counters from <= i < end */
};

struct family {
	const char		*name, *type, *help;
	append_samples		*append;
	enum { COUNTED, NOW, PROGRAM, RELAYS, SHARED } rows;	/* all accounts, configured ones,
						   none; relays; the store that hosts share */
	const char		*key;		/* the second label's name; NULL: only one label */
	bool			 of_no_account;	/* the row of no account is shown, even if 0 */
	const struct part	*parts;		/* the last one has end 0 */
	size_t			 at;		/* offset of a member, or the value of an enum */
};

/* Appends the line of a sample up to its number: name and labels. */
static void
begin_sample(struct exposition *x, const struct family *f, const char *suffix,
    const struct account_row *r, const char *key, const char *value)
{
	if (r == &x->store) {
		append_text(x, "%s%s", f->name, suffix);
		append_text(x, key != NULL ? "{%s=\"%s\"} " : " ", key, value);
		return;
	}
	append_text(x, "%s%s{account=\"", f->name, suffix);
	if (x->er == ERR_OK)
		x->er = buf_put(x->out, r->label.p, r->label.len);
	append_text(x, "\"");
	if (r->relay != NULL)
		append_text(x, ",relay=\"%s\"", r->relay);
	if (key != NULL)
		append_text(x, ",%s=\"%s\"", key, value);
	append_text(x, "} ");
}

/* An account of the configuration shows its zeros: Prometheus must see the increase from 0. */
static bool
is_shown(const struct exposition *x, const struct family *f, const struct account_row *r,
    uint64_t n)
{
	return n != 0 || r->now != NULL || r == &x->store || (f->of_no_account && r == x->rows);
}

static void
append_count(struct exposition *x, const struct family *f, const struct account_row *r,
    const char *value, uint64_t n)
{
	if (!is_shown(x, f, r, n))
		return;
	begin_sample(x, f, "", r, f->key, value);
	append_text(x, "%llu\n", (unsigned long long)n);
}

/* ms as seconds in as few digits as possible, "0.25". */
static const char *
seconds_of(char text[SECONDS], uint64_t ms)
{
	char	*end = text + snprintf(text, SECONDS, "%llu.%03u", (unsigned long long)(ms / 1000),
		    (unsigned)(ms % 1000));

	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
	return text;
}

/*
 * Samples of counters.
 */

static const struct part	verdicts[] = {
	{ "delivered", COUNTER_DELIVERED, COUNTER_DELIVERED + 1 },
	{ "queued", COUNTER_QUEUED, COUNTER_QUEUED + 1 },
	{ "dead", COUNTER_DEAD, COUNTER_DEAD + 1 },
	{ "repeat", COUNTER_REPEAT, COUNTER_REPEAT + 1 },
	{ "unsafe", COUNTER_UNSAFE, COUNTER_UNSAFE + 1 },
	{ "rejected", COUNTER_REFUSED, COUNTER__MAX },
	{ "handshake", COUNTER_HANDSHAKE, COUNTER_HANDSHAKE + 1 },
	{ "collect", COUNTER_COLLECTED, COUNTER_COLLECTED + 1 },
	{ "collect_refused", COUNTER_NOT_COLLECTED, COUNTER_NOT_COLLECTED + 1 },
	{ "page", COUNTER_PAGE, COUNTER_PAGE + 1 },
	{ "token", COUNTER_TOKEN, COUNTER_TOKEN + 1 },
	{ "ignored", COUNTER_IGNORED, COUNTER_IGNORED + 1 },
	{ NULL, 0, 0 }
};

static const struct part	outcomes[] = {
	{ "delivered", COUNTER_DELIVERED, COUNTER_DELIVERED + 1 },
	{ "queued", COUNTER_QUEUED, COUNTER_QUEUED + 1 },
	{ "dead", COUNTER_DEAD, COUNTER_DEAD + 1 },
	{ "unsafe", COUNTER_UNSAFE, COUNTER_UNSAFE + 1 },
	{ NULL, 0, 0 }
};

static const struct part	answers[] = {
	{ "given", COUNTER_RELAY_ANSWERED, COUNTER_RELAY_ANSWERED + 1 },
	{ "unusable", COUNTER_RELAY_UNUSABLE, COUNTER_RELAY_UNUSABLE + 1 },
	{ "none", COUNTER_RELAY_SILENT, COUNTER_RELAY_SILENT + 1 },
	{ "late", COUNTER_RELAY_LATE, COUNTER_RELAY_LATE + 1 },
	{ NULL, 0, 0 }
};

static const struct part	repeats[] = {
	{ NULL, COUNTER_REPEAT, COUNTER_REPEAT + 1 }, { NULL, 0, 0 }
};

static const struct part	fallbacks[] = {
	{ NULL, COUNTER_STORE_FALLBACK, COUNTER_STORE_FALLBACK + 1 }, { NULL, 0, 0 }
};

static const struct part	unknown_peers[] = {
	{ NULL, COUNTER_PEER_UNKNOWN, COUNTER_PEER_UNKNOWN + 1 }, { NULL, 0, 0 }
};

static const struct part	attempts[] = {
	{ "delivered", COUNTER_LATE_DELIVERED, COUNTER_LATE_DELIVERED + 1 },
	{ "dead", COUNTER_LATE_DEAD, COUNTER_LATE_DEAD + 1 },
	{ "failed", COUNTER_LATE_FAILED, COUNTER_LATE_FAILED + 1 },
	{ NULL, 0, 0 }
};

static void
append_parts(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const struct part	*part;
	uint64_t		 n;
	int			 i;

	for (part = f->parts; part->end != 0; part++) {
		for (n = 0, i = part->from; i < part->end; i++)
			n += r->total.sum.count[i];
		append_count(x, f, r, part->value, n);
	}
}

static uint64_t
refusals_of(const struct account_row *r, enum error er)
{
	return r->total.sum.count[counters_refused(er, true)] +
	    r->total.sum.count[counters_refused(er, false)];
}

/* Reasons of refusals.  Alert rules use them: never change one.  Other errors count as ERR_OK. */
static const char *const	reasons[ERR__MAX] = {
	[ERR_OK] = "other", [ERR_NOMEM] = "memory", [ERR_CONF] = "configuration",
	[ERR_REQUEST] = "malformed", [ERR_PATH] = "path", [ERR_METHOD] = "method",
	[ERR_TOOBIG] = "too_big", [ERR_LATE] = "late", [ERR_PARAM] = "parameter",
	[ERR_SIGNATURE] = "signature", [ERR_STALE] = "stale", [ERR_XML] = "xml",
	[ERR_AESKEY] = "aes_key", [ERR_BASE64] = "base64", [ERR_AES] = "decryption",
	[ERR_BUFFER] = "length", [ERR_APPID] = "appid",
	[ERR_STORE] = "store", [ERR_ADDRESS] = "address", [ERR_BUSY] = "busy",
	[ERR_KEY] = "control_key", [ERR_OFTEN] = "too_often", [ERR_TOKEN] = "token",
	[ERR_SERVED] = "served", [ERR_REPLAY] = "replay", [ERR_HOST] = "host",
	[ERR_LIBCURL] = "libcurl",
	[ERR_PEER] = "peer",
};

static void
append_refusals(struct exposition *x, const struct family *f, const struct account_row *r)
{
	int	 er;

	for (er = 0; er < ERR__MAX; er++)
		if (reasons[er] != NULL)
			append_count(x, f, r, reasons[er], refusals_of(r, (enum error)er));
}

static void
append_event_counts(struct exposition *x, const struct family *f, const struct account_row *r)
{
	int	 i;

	for (i = 0; i < COUNTER_EVENTS && counters_event_code(i) != NULL; i++)
		append_count(x, f, r, counters_event_code(i), r->total.event[i]);
}

static void
append_store_errors(struct exposition *x, const struct family *f, const struct account_row *r)
{
	append_count(x, f, r, NULL, r->total.sum.count[COUNTER_UNSAFE] +
	    r->total.sum.count[COUNTER_UNSETTLED] + refusals_of(r, ERR_STORE));
}

/* Upper ends of the histograms' buckets, in ms.  Buckets of state/counters.h end there too. */
static const int	edges[] = { 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 4864 };

static void
append_histogram(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const enum counter_time	 which = (enum counter_time)f->at;
	const uint64_t		*bucket = r->total.sum.bucket[which];
	uint64_t		 all = 0, within = 0;
	char			 text[SECONDS];
	size_t			 e;
	int			 i;

	for (i = 0; i < COUNTER_BUCKETS; i++)
		all += bucket[i];
	if (!is_shown(x, f, r, all))
		return;
	for (e = 0, i = 0; e < sizeof(edges) / sizeof(edges[0]); e++) {
		for (; counters_bucket_ms(i + 1) <= edges[e]; i++)
			within += bucket[i];
		begin_sample(x, f, "_bucket", r, "le", seconds_of(text, (uint64_t)edges[e]));
		append_text(x, "%llu\n", (unsigned long long)within);
	}
	begin_sample(x, f, "_bucket", r, "le", "+Inf");
	append_text(x, "%llu\n", (unsigned long long)all);
	begin_sample(x, f, "_sum", r, NULL, NULL);
	append_text(x, "%s\n", seconds_of(text, r->total.sum.sum_ms[which]));
	begin_sample(x, f, "_count", r, NULL, NULL);
	append_text(x, "%llu\n", (unsigned long long)all);
}

/* Appends how many replies an account's rules have given. */
static void
append_replies(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const struct reply_table_entry	*e;

	for (e = x->replies; e != x->replies + x->nreplies; e++) {
		if (strcmp(e->account, r->path) != 0)
			continue;
		append_text(x, "%s{account=\"", f->name);
		if (x->er == ERR_OK)
			x->er = buf_put(x->out, r->label.p, r->label.len);
		append_text(x, "\",kind=\"%s\",rule=\"", e->kind);
		if (x->er == ERR_OK)
			x->er = append_label_value(x->out, e->rule);
		append_text(x, "\"} %llu\n", (unsigned long long)e->count);
	}
}

/* Appends how long an account's users waited for replies. */
static void
append_reply_times(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const struct reply_table_entry	*e;
	uint64_t			 bucket[REPLY_TABLE_EDGES + 1] = { 0 }, sum_ms = 0, n = 0;
	char				 text[SECONDS];
	size_t				 i;

	for (e = x->replies; e != x->replies + x->nreplies; e++) {
		if (strcmp(e->account, r->path) != 0)
			continue;
		for (i = 0; i <= REPLY_TABLE_EDGES; i++)
			bucket[i] += e->bucket[i];
		sum_ms += e->sum_ms;
	}
	if (x->nreplies == 0)
		return;
	for (i = 0; i <= REPLY_TABLE_EDGES; i++) {
		n += bucket[i];
		begin_sample(x, f, "_bucket", r, "le", i == REPLY_TABLE_EDGES ? "+Inf" :
		    seconds_of(text, (uint64_t)reply_table_edges[i]));
		append_text(x, "%llu\n", (unsigned long long)n);
	}
	begin_sample(x, f, "_sum", r, NULL, NULL);
	append_text(x, "%s\n", seconds_of(text, sum_ms));
	begin_sample(x, f, "_count", r, NULL, NULL);
	append_text(x, "%llu\n", (unsigned long long)n);
}

/*
 * Samples of the state now.  A number that is not known gets no sample.
 */

static int64_t
number_at(const void *p, size_t at)
{
	int64_t	 n;

	memcpy(&n, (const char *)p + at, sizeof(n));
	return n;
}

static const struct {
	const char	*name;
	size_t		 messages, age_ms;	/* offsets in struct health_account */
} states[] = {
	{ "pending", offsetof(struct health_account, pending),
	    offsetof(struct health_account, pending_age_ms) },
	{ "dead", offsetof(struct health_account, dead),
	    offsetof(struct health_account, dead_age_ms) },
};

static void
append_queue_counts(struct exposition *x, const struct family *f, const struct account_row *r)
{
	int64_t	 n;
	size_t	 i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if ((n = number_at(r->now, states[i].messages)) != -1) {
			begin_sample(x, f, "", r, f->key, states[i].name);
			append_text(x, "%lld\n", (long long)n);
		}
}

static void
append_queue_ages(struct exposition *x, const struct family *f, const struct account_row *r)
{
	char	 text[SECONDS];
	int64_t	 ms;
	size_t	 i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (number_at(r->now, states[i].messages) != -1) {
			ms = number_at(r->now, states[i].age_ms);
			begin_sample(x, f, "", r, f->key, states[i].name);
			append_text(x, "%s\n", seconds_of(text, ms == -1 ? 0 : (uint64_t)ms));
		}
}

static void
append_gate(struct exposition *x, const struct family *f, const struct account_row *r)
{
	begin_sample(x, f, "", r, NULL, NULL);
	append_text(x, "%d\n", r->now->gate == (enum breaker_gate)f->at);
}

static void
append_age(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const int64_t	 ms = number_at(r->now, f->at);
	char		 text[SECONDS];

	begin_sample(x, f, "", r, NULL, NULL);
	append_text(x, "%s\n", seconds_of(text, ms < 0 ? 0 : (uint64_t)ms));
}

static void
append_known(struct exposition *x, const struct family *f, const struct account_row *r)
{
	if (number_at(r->now, f->at) == -1)
		return;
	begin_sample(x, f, "", r, NULL, NULL);
	append_text(x, "%lld\n", (long long)number_at(r->now, f->at));
}

/* Appends the time of the last push, if there was one. */
static void
append_push_time(struct exposition *x, const struct family *f, const struct account_row *r)
{
	if (r->total.sum.pushed_s == 0)
		return;
	begin_sample(x, f, "", r, NULL, NULL);
	append_text(x, "%llu\n", (unsigned long long)r->total.sum.pushed_s);
}

/* Appends a member of the notes about certificates, for each host. */
static void
append_certificates(struct exposition *x, const struct family *f, const struct account_row *r)
{
	const struct observed	*o = &x->health->observed;
	size_t			 i;

	(void)r;
	for (i = 0; i < o->n; i++) {
		if (o->v[i].kind != OBSERVED_CERTIFICATE)
			continue;
		append_text(x, "%s{host=\"", f->name);
		if (x->er == ERR_OK)
			x->er = append_label_value(x->out, o->v[i].key);
		append_text(x, "\"} %lld\n", (long long)number_at(&o->v[i], f->at));
	}
}

static void
append_time(struct exposition *x, const struct family *f, const struct account_row *r)
{
	char	 text[SECONDS];

	(void)r;
	append_text(x, "%s %s\n", f->name, seconds_of(text, (uint64_t)x->health->now_ms));
}

static void
append_number(struct exposition *x, const struct family *f, const struct account_row *r)
{
	(void)r;
	if (number_at(x->health, f->at) != -1)
		append_text(x, "%s %lld\n", f->name, (long long)number_at(x->health, f->at));
}

static void
append_flag(struct exposition *x, const struct family *f, const struct account_row *r)
{
	(void)r;
	append_text(x, "%s %d\n", f->name, *(const bool *)((const char *)x->health + f->at));
}

static void
append_shared(struct exposition *x, const struct family *f, const struct account_row *r)
{
	(void)r;
	append_text(x, "%s %d\n", f->name, x->health->shared.is_shared);
}

static void
append_build(struct exposition *x, const struct family *f, const struct account_row *r)
{
	(void)r;
	append_text(x, "%s{version=\"%s\"} 1\n", f->name, QTOA_VERSION);
}

#define OF_ACCOUNT(member)	offsetof(struct health_account, member)
#define OF_ALL(member)		offsetof(struct health_state, member)
#define OF_NOTE(member)		offsetof(struct observation, member)

static const char	counter[] = "counter", gauge[] = "gauge", histogram[] = "histogram";

static const struct family	families[] = {
	{ "qtoa_requests_total", counter, "Requests, by what became of them.",
	    append_parts, .key = "verdict", .of_no_account = true, .parts = verdicts },
	{ "qtoa_refused_total", counter, "Requests that were rejected, by reason.",
	    append_refusals, .key = "reason", .of_no_account = true },
	{ "qtoa_events_total", counter, "Messages that were acknowledged, without repeats, by "
	    "the event code of Quick Tracking (-: it has no code for them).",
	    append_event_counts, .key = "event" },
	{ "qtoa_repeats_total", counter, "Messages that were known already, and not sent again.",
	    append_parts, .parts = repeats },
	{ "qtoa_peer_unknown_total", counter, "Signed pushes that did not come from WeChat's "
	    "addresses (settings.wechat_only).",
	    append_parts, .parts = unknown_peers },
	{ "qtoa_store_errors_total", counter, "Data that the store did not take: messages and "
	    "other requests that were answered 503, and outcomes of deliveries.",
	    append_store_errors, .rows = COUNTED },
	{ "qtoa_drain_attempts_total", counter, "Attempts to send messages that waited, by outcome "
	    "(failed: it still waits).",
	    append_parts, .key = "outcome", .parts = attempts },
	{ "qtoa_last_push_timestamp_seconds", gauge, "When the last push came that WeChat had "
	    "signed, repeats included.",
	    append_push_time, .rows = NOW },
	{ "qtoa_forward_duration_seconds", histogram, "Time that Quick Tracking took for a "
	    "message while WeChat waited.",
	    append_histogram, .at = COUNTER_QT },
	{ "qtoa_request_duration_seconds", histogram, "Time after which WeChat heard success.",
	    append_histogram, .at = COUNTER_WAITED },
	{ "qtoa_replies_total", counter, "Replies to users, by the rule that gave them (*: rules "
	    "that no longer had room in the table).",
	    append_replies, .rows = COUNTED },
	{ "qtoa_reply_duration_seconds", histogram, "Time after which users had such a reply.",
	    append_reply_times, .rows = NOW },
	{ "qtoa_queue_messages", gauge, "Messages in the store that Quick Tracking does not have, "
	    "by state (dead: it has refused them).",
	    append_queue_counts, .rows = NOW, .key = "state" },
	{ "qtoa_queue_oldest_age_seconds", gauge, "Age of the oldest of these messages, 0 without "
	    "one.",
	    append_queue_ages, .rows = NOW, .key = "state" },
	{ "qtoa_breaker_open", gauge, "1: Quick Tracking does not answer, messages go to the "
	    "queue at once.",
	    append_gate, .rows = NOW, .at = GATE_BROKEN },
	{ "qtoa_gateway_seconds", gauge, "For how long not Quick Tracking but a gateway has "
	    "answered, 0 if it does not.",
	    append_age, .rows = NOW, .at = OF_ACCOUNT(gateway_age_ms) },
	{ "qtoa_account_stopped", gauge, "1: Quick Tracking refuses the keys of the account, its "
	    "messages wait.",
	    append_gate, .rows = NOW, .at = GATE_STOPPED },
	{ "qtoa_probe_seconds", gauge, "Time until the next probe of an open breaker or a stopped "
	    "account, 0 if it is due or there is no trouble.",
	    append_age, .rows = NOW, .at = OF_ACCOUNT(probe_in_ms) },
	{ "qtoa_access_token_age_seconds", gauge, "Time since WeChat gave the access_token.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(token_age_s) },
	{ "qtoa_access_token_expires_seconds", gauge, "Time until the access_token expires, 0 "
	    "after that.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(token_left_s) },
	{ "qtoa_access_token_failures", gauge, "Times in a row that WeChat gave no access_token.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(token_fails) },
	{ "qtoa_reconcile_missing", gauge, "Calls of WeChat that never came here, on the last "
	    "three days that qtoa reconcile has compared.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(missing) },
	{ "qtoa_reconcile_last_day_timestamp_seconds", gauge, "When the last of these days "
	    "ended.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(missing_s) },
	{ "qtoa_datacube_last_day_timestamp_seconds", gauge, "When the last day ended whose "
	    "statistics from WeChat are in the store.",
	    append_known, .rows = NOW, .at = OF_ACCOUNT(datacube_s) },
	{ "qtoa_certificate_expires_timestamp_seconds", gauge, "When the first certificate of a "
	    "host's chain ends, as qtoa check saw it.",
	    append_certificates, .rows = PROGRAM, .at = OF_NOTE(until_s) },
	{ "qtoa_certificate_seen_timestamp_seconds", gauge, "When qtoa check saw that "
	    "certificate.",
	    append_certificates, .rows = PROGRAM, .at = OF_NOTE(seen_s) },
	{ "qtoa_relay_messages_total", counter, "Messages for a relay, by what became of them "
	    "while WeChat waited.",
	    append_parts, .rows = RELAYS, .key = "outcome", .parts = outcomes },
	{ "qtoa_relay_attempts_total", counter, "Attempts to send messages that waited for a "
	    "relay, by outcome (failed: it still waits).",
	    append_parts, .rows = RELAYS, .key = "outcome", .parts = attempts },
	{ "qtoa_relay_answers_total", counter, "Answers of a relay for users: given, unusable for "
	    "WeChat, none in time, too late.",
	    append_parts, .rows = RELAYS, .key = "outcome", .parts = answers },
	{ "qtoa_relay_pending", gauge, "Messages that wait for a relay.",
	    append_known, .rows = RELAYS, .at = OF_ACCOUNT(pending) },
	{ "qtoa_relay_dead", gauge, "Messages that a relay has refused.",
	    append_known, .rows = RELAYS, .at = OF_ACCOUNT(dead) },
	{ "qtoa_relay_oldest_age_seconds", gauge, "Age of the oldest message that waits for a "
	    "relay, 0 without one.",
	    append_age, .rows = RELAYS, .at = OF_ACCOUNT(pending_age_ms) },
	{ "qtoa_relay_breaker_open", gauge, "1: the relay does not answer, its messages go to "
	    "its queue at once.",
	    append_gate, .rows = RELAYS, .at = GATE_BROKEN },
	{ "qtoa_configuration_usable", gauge, "0: every request is answered 503.",
	    append_flag, .rows = PROGRAM, .at = OF_ALL(usable) },
	{ "qtoa_store_readable", gauge, "0: the store cannot be read.",
	    append_flag, .rows = PROGRAM, .at = OF_ALL(readable) },
	{ "qtoa_store_writable", gauge, "0: the store cannot be written.",
	    append_flag, .rows = PROGRAM, .at = OF_ALL(writable) },
	{ "qtoa_store_shared", gauge, "1: hosts share the store (settings.store).",
	    append_shared, .rows = PROGRAM },
	{ "qtoa_store_degraded", gauge, "1: the store that hosts share fails.",
	    append_number, .rows = SHARED, .at = OF_ALL(degraded) },
	{ "qtoa_store_kept_messages", gauge, "Messages that this host keeps until the store that "
	    "hosts share works.",
	    append_number, .rows = SHARED, .at = OF_ALL(kept) },
	{ "qtoa_store_kept_total", counter, "Times that this host has kept something itself, "
	    "since that store failed.",
	    append_parts, .rows = SHARED, .parts = fallbacks },
	{ "qtoa_store_commit_duration_seconds", histogram, "Time of a durable transaction in the "
	    "store that hosts share.",
	    append_histogram, .rows = SHARED, .at = COUNTER_WAITED },
	{ "qtoa_hosts", gauge, "Hosts that share the store and were seen in the last five minutes.",
	    append_number, .rows = SHARED, .at = OF_ALL(hosts) },
	{ "qtoa_store_bytes", gauge, "Disk space of the store.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(db_bytes) },
	{ "qtoa_state_bytes", gauge, "Disk space of the state directory, with the store.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(state_bytes) },
	{ "qtoa_disk_free_bytes", gauge, "Free space where the state directory is.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(free_bytes) },
	{ "qtoa_disk_margin_bytes", gauge, "With less free space nothing is queued.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(margin_bytes) },
	{ "qtoa_disk_size_bytes", gauge, "All space where the state directory is.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(disk_bytes) },
	{ "qtoa_wechat_only", gauge, "settings.wechat_only: 0 off, 1 advise, 2 enforce.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(wechat_only) },
	{ "qtoa_wechat_addresses", gauge, "Addresses and networks in the list of WeChat's.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(ips) },
	{ "qtoa_wechat_addresses_age_seconds", gauge, "Time since WeChat gave that list.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(ips_age_s) },
	{ "qtoa_alerts_sent_total", counter, "Alerts that settings.alert_url has taken.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(alerts_sent) },
	{ "qtoa_alerts_failed_total", counter, "Alerts that were given up, since "
	    "settings.alert_url did not take them.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(alerts_failed) },
	{ "qtoa_collector_events", gauge, "Estimate of the events that the collector keeps.",
	    append_number, .rows = PROGRAM, .at = OF_ALL(events) },
	{ "qtoa_time_seconds", gauge, "This host's clock.",
	    append_time, .rows = PROGRAM },
	{ "qtoa_build_info", gauge, "1; the version of the program.",
	    append_build, .rows = PROGRAM },
};

static void
append_family(struct exposition *x, const struct family *f)
{
	const struct account_row	*r, *end = x->rows + (f->rows == PROGRAM ? 1 : x->n);

	if ((f->rows == RELAYS && x->health->nrelays == 0) ||
	    (f->rows == SHARED && !x->health->shared.is_shared))
		return;
	append_text(x, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type);
	if (f->rows == SHARED) {
		f->append(x, f, &x->store);
		return;
	}
	for (r = x->rows; r != end; r++)
		if ((r->relay != NULL) == (f->rows == RELAYS) &&
		    (f->rows != NOW || r->now != NULL))
			f->append(x, f, r);
}

enum error
metrics_make(struct buf *out, const struct health_state *health)
{
	struct exposition	 x = { .out = out, .health = health };
	const struct family	*f;
	enum error		 er;
	size_t			 i;

	out->len = 0;
	if ((er = make_account_rows(&x)) != ERR_OK)
		goto out;
	for (f = families; f != families + sizeof(families) / sizeof(families[0]); f++)
		append_family(&x, f);
	er = x.er;
out:
	for (i = 0; i < x.n; i++)
		buf_free(&x.rows[i].label);
	free(x.rows);
	free(x.replies);
	return er;
}
