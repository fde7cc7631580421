#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "monitor/metrics.h"
#include "state/counters.h"

enum {
	PATH	= 64,
	SECONDS	= 32
};

static const char	 none[] = "-";	/* the account of what belongs to none, as in the log */

/*
 * What is counted of one account: of the configuration, of one that was in it, or of none,
 * which is the first row.
 */
struct row {
	const struct health_account	*now;	/* NULL: it is not in the configuration */
	char				 path[PATH + 1];
	struct buf			 label;	/* as it stands in the page, unlike all others */
	struct counter_total		 total;
};

struct page {
	struct buf			*out;
	const struct health_state	*v;
	struct row			*rows;
	size_t				 n, room;
	enum error			 er;	/* the first; after it nothing is put */
};

static void
put(struct page *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct page *p, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	if (p->er == ERR_OK)
		p->er = buf_vprintf(p->out, fmt, ap);
	va_end(ap);
}

/*
 * Rows.
 */

/* NULL: no memory. */
static struct row *
add_row(struct page *p, const struct health_account *now, struct slice path)
{
	const size_t	 room = p->room == 0 ? p->v->n + 8 : p->room * 2;
	struct row	*r;

	if (p->n == p->room) {
		if ((r = realloc(p->rows, room * sizeof(*r))) == NULL) {
			p->er = ERR_NOMEM;
			return NULL;
		}
		p->rows = r;
		p->room = room;
	}
	r = &p->rows[p->n++];
	memset(r, 0, sizeof(*r));
	r->now = now;
	if (path.len != 0)
		memcpy(r->path, path.p, path.len < PATH ? path.len : PATH);
	return r;
}

/* A counters_each_total. */
static void
take_total(void *ctx, struct slice account, const struct counter_total *t)
{
	struct page	*p = ctx;
	struct row	*r = NULL;
	size_t		 i;

	if (p->er != ERR_OK)
		return;
	for (i = 0; i < p->n && r == NULL; i++)
		if (strlen(p->rows[i].path) == account.len &&
		    (account.len == 0 || memcmp(p->rows[i].path, account.p, account.len) == 0))
			r = &p->rows[i];
	if (r != NULL || (r = add_row(p, NULL, account)) != NULL)
		r->total = *t;
}

/* A label's value: UTF-8 whatever it was, and nothing that ends it. */
static enum error
put_escaped(struct buf *b, const char *text)
{
	const char	*at = text, *end = text + strlen(text), *begun;
	enum error	 er = ERR_OK;
	bool		 valid;

	while (at != end && er == ERR_OK) {
		begun = at;
		(void)utf8_next(&at, end, &valid);
		if (!valid)
			er = buf_puts(b, "\xEF\xBF\xBD");
		else if (*begun == '\n')
			er = buf_puts(b, "\\n");
		else if (*begun == '\\' || *begun == '"')
			er = buf_printf(b, "\\%c", *begun);
		else
			er = buf_put(b, begun, (size_t)(at - begun));
	}
	return er;
}

static bool
is_taken(const struct page *p, const struct row *r)
{
	const struct row	*other;

	for (other = p->rows; other != r; other++)
		if (other->label.len == r->label.len &&
		    memcmp(other->label.p, r->label.p, r->label.len) == 0)
			return true;
	return false;
}

/*
 * The account's name.  Prometheus refuses a page with two lines that are labelled alike, so if
 * another one has it already the path goes with it, and a number if that does not help.
 */
static void
make_label(struct page *p, struct row *r)
{
	const char	*name = r->now != NULL ? r->now->account->name : r->path;
	char		 more[PATH + 32] = "";
	int		 tries;

	if (r == p->rows)
		name = none;
	for (tries = 0; p->er == ERR_OK; tries++) {
		if (tries == 1)
			(void)snprintf(more, sizeof(more), " (%s)", r->path);
		else if (tries > 1)
			(void)snprintf(more, sizeof(more), " (%s) %d", r->path, tries);
		r->label.len = 0;
		if ((p->er = put_escaped(&r->label, name)) == ERR_OK)
			p->er = put_escaped(&r->label, more);
		if (p->er == ERR_OK && !is_taken(p, r))
			return;
	}
}

static enum error
make_rows(struct page *p)
{
	const struct health_state	*v = p->v;
	enum error			 er;
	size_t				 i;

	if (add_row(p, NULL, slice_of("")) == NULL)
		return p->er;
	for (i = 0; i < v->n; i++)
		if (add_row(p, &v->accounts[i], slice_of(v->accounts[i].account->path)) == NULL)
			return p->er;
	if ((er = counters_totals(v->conf->set.state_dir, take_total, p)) != ERR_OK)
		return er;
	for (i = 0; i < p->n; i++)
		make_label(p, &p->rows[i]);
	return p->er;
}

/*
 * Samples.
 */

struct family;

/* The samples of a family. */
typedef void	 put_family(struct page *p, const struct family *f);

/* Of a counter: the value of its second label, and the places (state/counters.h) that it sums up. */
struct part {
	const char	*value;
	int		 from, end;
};

struct family {
	const char		*name, *type, *help;
	put_family		*put;
	const char		*key;		/* the second label; NULL: there is none */
	bool			 of_none;	/* what belongs to no account shows its zeros */
	const struct part	*parts;		/* up to one with end 0 */
	size_t			 at;		/* of a member, or an enum's value */
};

/* The line up to the number. */
static void
begin(struct page *p, const struct family *f, const char *suffix, const struct row *r,
    const char *key, const char *value)
{
	put(p, "%s%s{account=\"", f->name, suffix);
	if (p->er == ERR_OK)
		p->er = buf_put(p->out, r->label.p, r->label.len);
	put(p, "\"");
	if (key != NULL)
		put(p, ",%s=\"%s\"", key, value);
	put(p, "} ");
}

/* Every account of the configuration has its zeros, so that its first increase is one. */
static bool
is_shown(const struct page *p, const struct family *f, const struct row *r, uint64_t n)
{
	return n != 0 || r->now != NULL || (f->of_none && r == p->rows);
}

static void
put_count(struct page *p, const struct family *f, const struct row *r, const char *value,
    uint64_t n)
{
	if (!is_shown(p, f, r, n))
		return;
	begin(p, f, "", r, f->key, value);
	put(p, "%llu\n", (unsigned long long)n);
}

/* ms as seconds, the shortest way. */
static const char *
seconds(char text[SECONDS], uint64_t ms)
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
 * What was counted.
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
	{ NULL, 0, 0 }
};

static const struct part	repeats[] = {
	{ NULL, COUNTER_REPEAT, COUNTER_REPEAT + 1 }, { NULL, 0, 0 }
};

static const struct part	attempts[] = {
	{ "delivered", COUNTER_LATE_DELIVERED, COUNTER_LATE_DELIVERED + 1 },
	{ "dead", COUNTER_LATE_DEAD, COUNTER_LATE_DEAD + 1 },
	{ "failed", COUNTER_LATE_FAILED, COUNTER_LATE_FAILED + 1 },
	{ NULL, 0, 0 }
};

static void
put_parts(struct page *p, const struct family *f)
{
	const struct part	*part;
	const struct row	*r;
	uint64_t		 n;
	int			 i;

	for (r = p->rows; r != p->rows + p->n; r++)
		for (part = f->parts; part->end != 0; part++) {
			for (n = 0, i = part->from; i < part->end; i++)
				n += r->total.sum.count[i];
			put_count(p, f, r, part->value, n);
		}
}

static uint64_t
refused(const struct row *r, enum error er)
{
	return r->total.sum.count[counters_refused(er, true)] +
	    r->total.sum.count[counters_refused(er, false)];
}

/* In alerts: add, never change.  What counters_refused() has no place for shares ERR_OK's. */
static const char *const	reasons[ERR__MAX] = {
	[ERR_OK] = "other", [ERR_NOMEM] = "memory", [ERR_CONF] = "configuration",
	[ERR_REQUEST] = "malformed", [ERR_PATH] = "path", [ERR_METHOD] = "method",
	[ERR_TOOBIG] = "too_big", [ERR_LATE] = "late", [ERR_PARAM] = "parameter",
	[ERR_SIGNATURE] = "signature", [ERR_STALE] = "stale", [ERR_XML] = "xml",
	[ERR_AESKEY] = "aes_key", [ERR_BASE64] = "base64", [ERR_AES] = "decryption",
	[ERR_BUFFER] = "length", [ERR_APPID] = "appid", [ERR_CRYPTO] = "crypto",
	[ERR_STORE] = "store", [ERR_ADDRESS] = "address", [ERR_BUSY] = "busy",
	[ERR_KEY] = "control_key", [ERR_OFTEN] = "too_often", [ERR_TOKEN] = "token",
	[ERR_SERVED] = "served",
};

static void
put_refused(struct page *p, const struct family *f)
{
	const struct row	*r;
	int			 er;

	for (r = p->rows; r != p->rows + p->n; r++)
		for (er = 0; er < ERR__MAX; er++)
			if (reasons[er] != NULL)
				put_count(p, f, r, reasons[er], refused(r, (enum error)er));
}

static void
put_events(struct page *p, const struct family *f)
{
	const struct row	*r;
	int			 i;

	for (r = p->rows; r != p->rows + p->n; r++)
		for (i = 0; i < COUNTER_EVENTS && counters_event_code(i) != NULL; i++)
			put_count(p, f, r, counters_event_code(i), r->total.event[i]);
}

static void
put_store_errors(struct page *p, const struct family *f)
{
	const struct row	*r;

	for (r = p->rows; r != p->rows + p->n; r++)
		put_count(p, f, r, NULL, r->total.sum.count[COUNTER_UNSAFE] +
		    r->total.sum.count[COUNTER_UNSETTLED] + refused(r, ERR_STORE));
}

/* Where buckets end, ms: edges of tally's as well, which are whole ms. */
static const int	edges[] = { 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 4864 };

static void
put_histogram(struct page *p, const struct family *f, const struct row *r)
{
	const enum counter_time	 which = (enum counter_time)f->at;
	const uint64_t		*bucket = r->total.sum.bucket[which];
	uint64_t		 all = 0, within = 0;
	char			 text[SECONDS];
	size_t			 e;
	int			 i;

	for (i = 0; i < COUNTER_BUCKETS; i++)
		all += bucket[i];
	if (!is_shown(p, f, r, all))
		return;
	for (e = 0, i = 0; e < sizeof(edges) / sizeof(edges[0]); e++) {
		for (; counters_bucket_ms(i + 1) <= edges[e]; i++)
			within += bucket[i];
		begin(p, f, "_bucket", r, "le", seconds(text, (uint64_t)edges[e]));
		put(p, "%llu\n", (unsigned long long)within);
	}
	begin(p, f, "_bucket", r, "le", "+Inf");
	put(p, "%llu\n", (unsigned long long)all);
	begin(p, f, "_sum", r, NULL, NULL);
	put(p, "%s\n", seconds(text, r->total.sum.sum_ms[which]));
	begin(p, f, "_count", r, NULL, NULL);
	put(p, "%llu\n", (unsigned long long)all);
}

static void
put_times(struct page *p, const struct family *f)
{
	const struct row	*r;

	for (r = p->rows; r != p->rows + p->n; r++)
		put_histogram(p, f, r);
}

/*
 * How it is now.  What is not known has no sample.
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
	size_t		 messages, age_ms;	/* of struct health_account */
} states[] = {
	{ "pending", offsetof(struct health_account, pending),
	    offsetof(struct health_account, pending_age_ms) },
	{ "dead", offsetof(struct health_account, dead),
	    offsetof(struct health_account, dead_age_ms) },
};

static void
put_queue(struct page *p, const struct family *f)
{
	const struct row	*r;
	int64_t			 n;
	size_t			 i;

	for (r = p->rows; r != p->rows + p->n; r++)
		for (i = 0; r->now != NULL && i < sizeof(states) / sizeof(states[0]); i++)
			if ((n = number_at(r->now, states[i].messages)) != -1) {
				begin(p, f, "", r, f->key, states[i].name);
				put(p, "%lld\n", (long long)n);
			}
}

static void
put_ages(struct page *p, const struct family *f)
{
	const struct row	*r;
	char			 text[SECONDS];
	int64_t			 ms;
	size_t			 i;

	for (r = p->rows; r != p->rows + p->n; r++)
		for (i = 0; r->now != NULL && i < sizeof(states) / sizeof(states[0]); i++)
			if (number_at(r->now, states[i].messages) != -1) {
				ms = number_at(r->now, states[i].age_ms);
				begin(p, f, "", r, f->key, states[i].name);
				put(p, "%s\n", seconds(text, ms == -1 ? 0 : (uint64_t)ms));
			}
}

static void
put_gate(struct page *p, const struct family *f)
{
	const struct row	*r;

	for (r = p->rows; r != p->rows + p->n; r++)
		if (r->now != NULL) {
			begin(p, f, "", r, NULL, NULL);
			put(p, "%d\n", r->now->gate == (enum breaker_gate)f->at);
		}
}

static void
put_token(struct page *p, const struct family *f)
{
	const struct row	*r;

	for (r = p->rows; r != p->rows + p->n; r++)
		if (r->now != NULL && number_at(r->now, f->at) != -1) {
			begin(p, f, "", r, NULL, NULL);
			put(p, "%lld\n", (long long)number_at(r->now, f->at));
		}
}

static void
put_number(struct page *p, const struct family *f)
{
	if (number_at(p->v, f->at) != -1)
		put(p, "%s %lld\n", f->name, (long long)number_at(p->v, f->at));
}

static void
put_flag(struct page *p, const struct family *f)
{
	put(p, "%s %d\n", f->name, *(const bool *)((const char *)p->v + f->at));
}

static void
put_build(struct page *p, const struct family *f)
{
	put(p, "%s{version=\"%s\"} 1\n", f->name, QTOA_VERSION);
}

#define OF_ACCOUNT(member)	offsetof(struct health_account, member)
#define OF_ALL(member)		offsetof(struct health_state, member)

static const char	counter[] = "counter", gauge[] = "gauge", histogram[] = "histogram";

static const struct family	families[] = {
	{ "qtoa_requests_total", counter, "Requests, by what became of them.",
	    put_parts, .key = "verdict", .of_none = true, .parts = verdicts },
	{ "qtoa_refused_total", counter, "Requests that were rejected, by reason.",
	    put_refused, .key = "reason", .of_none = true },
	{ "qtoa_events_total", counter, "Messages that were acknowledged, without repeats, by "
	    "the event code of Quick Tracking (-: it has none for them).",
	    put_events, .key = "event" },
	{ "qtoa_repeats_total", counter, "Messages that were known already, and not sent again.",
	    put_parts, .parts = repeats },
	{ "qtoa_store_errors_total", counter, "What the store did not take: messages and other "
	    "requests that were answered 503, and outcomes of deliveries.",
	    put_store_errors, .key = NULL },
	{ "qtoa_drain_attempts_total", counter, "Attempts to send what waited, by outcome "
	    "(failed: it still waits).",
	    put_parts, .key = "outcome", .parts = attempts },
	{ "qtoa_forward_duration_seconds", histogram, "Time that Quick Tracking took for a "
	    "message while WeChat waited.",
	    put_times, .at = COUNTER_QT },
	{ "qtoa_request_duration_seconds", histogram, "Time after which WeChat heard success.",
	    put_times, .at = COUNTER_WAITED },
	{ "qtoa_queue_messages", gauge, "Messages in the store that Quick Tracking does not have, "
	    "by state (dead: it has refused them).",
	    put_queue, .key = "state" },
	{ "qtoa_queue_oldest_age_seconds", gauge, "Age of the oldest of them, 0 without one.",
	    put_ages, .key = "state" },
	{ "qtoa_breaker_open", gauge, "1: Quick Tracking does not answer, messages go to the "
	    "queue at once.",
	    put_gate, .at = GATE_BROKEN },
	{ "qtoa_account_stopped", gauge, "1: Quick Tracking refuses the keys of the account, its "
	    "messages wait.",
	    put_gate, .at = GATE_STOPPED },
	{ "qtoa_access_token_age_seconds", gauge, "Time since WeChat gave the access_token.",
	    put_token, .at = OF_ACCOUNT(token_age_s) },
	{ "qtoa_access_token_expires_seconds", gauge, "Time until the access_token expires, 0 "
	    "after that.",
	    put_token, .at = OF_ACCOUNT(token_left_s) },
	{ "qtoa_access_token_failures", gauge, "Times in a row that WeChat gave no access_token.",
	    put_token, .at = OF_ACCOUNT(token_fails) },
	{ "qtoa_configuration_usable", gauge, "0: every request is answered 503.",
	    put_flag, .at = OF_ALL(usable) },
	{ "qtoa_store_readable", gauge, "0: the store cannot be read.",
	    put_flag, .at = OF_ALL(readable) },
	{ "qtoa_store_writable", gauge, "0: the store cannot be written.",
	    put_flag, .at = OF_ALL(writable) },
	{ "qtoa_store_bytes", gauge, "Disk space of the store.",
	    put_number, .at = OF_ALL(db_bytes) },
	{ "qtoa_state_bytes", gauge, "Disk space of the state directory, the store as well.",
	    put_number, .at = OF_ALL(state_bytes) },
	{ "qtoa_disk_free_bytes", gauge, "Free space where the state directory is.",
	    put_number, .at = OF_ALL(free_bytes) },
	{ "qtoa_disk_size_bytes", gauge, "All space where the state directory is.",
	    put_number, .at = OF_ALL(disk_bytes) },
	{ "qtoa_collector_events", gauge, "Events that the collector keeps, about.",
	    put_number, .at = OF_ALL(events) },
	{ "qtoa_build_info", gauge, "1; the version of the program.",
	    put_build, .key = NULL },
};

enum error
metrics_make(struct buf *out, const struct health_state *v)
{
	struct page		 p = { .out = out, .v = v };
	const struct family	*f;
	enum error		 er;
	size_t			 i;

	out->len = 0;
	if ((er = make_rows(&p)) != ERR_OK)
		goto out;
	for (f = families; f != families + sizeof(families) / sizeof(families[0]); f++) {
		put(&p, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type);
		f->put(&p, f);
	}
	er = p.er;
out:
	for (i = 0; i < p.n; i++)
		buf_free(&p.rows[i].label);
	free(p.rows);
	return er;
}
