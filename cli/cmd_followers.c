#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/term.h"
#include "cli/term_table.h"
#include "collector/follower_pull.h"
#include "collector/follower_store.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/number.h"
#include "state/store.h"
#include "state/table.h"

enum {
	EXPORT_ROWS	= 10000,	/* rows in memory at a time */
	SCENES_MAX	= 100,		/* rows that are shown for an account */
	AGE_DAYS_MAX	= 3660,
	LATE_S		= 60		/* a push tells of a follow so much before WeChat's list */
};

/* Monotonic time at which a signal told us to stop; 0: no signal has. */
static _Atomic int64_t	 stop_ms;

/* What the command line says. */
struct followers_order {
	const char		*what;		/* pull, show, export */
	const struct account	*account;	/* NULL: all */
	int64_t			 days;		/* as FOLLOWER_PULL_DAYS; 0: all users */
	bool			 all, retry, gone, json, csv;
};

static void
note_stop(int sig)
{
	(void)sig;
	atomic_store(&stop_ms, clock_mono_ms());
}

/*
 * Arguments of the command line.
 */

static bool
read_switch(struct followers_order *o, const char *option)
{
	const struct {
		const char	*what, *option;
		bool		*is;
	} switches[] = {
		{ "pull", "--all", &o->all }, { "pull", "--retry", &o->retry },
		{ "show", "--json", &o->json }, { "export", "--gone", &o->gone },
		{ "export", "--csv", &o->csv }, { "export", "--json", &o->json },
	};
	size_t	 i;

	for (i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (strcmp(option, switches[i].option) == 0 &&
		    strcmp(o->what, switches[i].what) == 0)
			return *switches[i].is = true;
	return false;
}

static bool
read_age(struct followers_order *o, const char *text)
{
	if (number_parse(&o->days, slice_of(text)) && o->days >= 1 && o->days <= AGE_DAYS_MAX)
		return true;
	(void)fprintf(stderr, lang_text("qtoa: --older %s: this is not a number of days from 1 to "
	    "%d\n"), text, (int)AGE_DAYS_MAX);
	return false;
}

static bool
read_followers_order(struct followers_order *o, const struct conf *c, int argc, char **argv)
{
	int	 i = 2;

	*o = (struct followers_order){ .days = FOLLOWER_PULL_DAYS };
	if (argc < 2)
		return false;
	o->what = argv[1];
	if (strcmp(o->what, "pull") != 0 && strcmp(o->what, "show") != 0 &&
	    strcmp(o->what, "export") != 0)
		return false;
	if (argc > 2 && argv[2][0] != '-' && (o->account = conf_find(c, argv[i++])) == NULL) {
		suggest_account(c, ".path or .name", argv[2]);
		return false;
	}
	for (; i < argc; i++) {
		if (read_switch(o, argv[i]))
			continue;
		if (strcmp(o->what, "pull") != 0 || strcmp(argv[i], "--older") != 0 ||
		    i + 1 == argc || !read_age(o, argv[++i]))
			return false;
	}
	return !(o->json && o->csv) && (strcmp(o->what, "export") != 0 || o->account != NULL);
}

/* True: an account before this one has the same AppID; its followers are the same. */
static bool
is_appid_repeated(const struct conf *c, size_t i)
{
	size_t	 j;

	for (j = 0; j < i; j++)
		if (conf_is_set(c->accounts[j].secret) &&
		    strcmp(c->accounts[j].appid, c->accounts[i].appid) == 0)
			return true;
	return false;
}

static bool
is_chosen(const struct conf *c, const struct followers_order *o, size_t i)
{
	const struct account	*a = &c->accounts[i];

	return conf_is_set(a->secret) &&
	    (o->account != NULL ? a == o->account : !is_appid_repeated(c, i));
}

/*
 * qtoa followers pull
 */

struct followers_pulling {
	struct follower_pull		 pull;
	struct follower_pull_sum	 sum;
	int64_t				 begin_ms;
	struct term_progress		 bar;
};

static void
print_pull_line(void *ctx, const char *line)
{
	const struct followers_pulling	*p = ctx;

	term_wipe(p->bar.width);
	(void)fflush(stdout);
	(void)fprintf(stderr, "qtoa: %s\n", line);
}

static void
draw_pull_bar(void *ctx, const struct follower_pull_sum *sum)
{
	struct followers_pulling	*p = ctx;
	char				 text[80];

	if (!term_progress_due(&p->bar, sum->done, sum->planned))
		return;
	(void)snprintf(text, sizeof(text), lang_text("%lld/%lld calls, %lld users"),
	    (long long)sum->done, (long long)sum->planned, (long long)sum->told);
	term_progress_draw(&p->bar, sum->done, sum->planned, text);
}

static bool
pull_chosen(struct followers_pulling *p, const struct followers_order *o)
{
	const struct conf	*c = p->pull.tools.conf;
	const int		 width = p->bar.width;
	bool			 good = true, any = false;
	size_t			 i;

	for (i = 0; i < c->n && atomic_load(&stop_ms) == 0; i++) {
		if (!is_chosen(c, o, i))
			continue;
		any = true;
		p->bar = (struct term_progress){ .width = width, .begin_ms = clock_mono_ms() };
		good = follower_pull_account(&p->pull, &p->sum, &c->accounts[i]) && good;
		term_wipe(width);
	}
	if (any || atomic_load(&stop_ms) != 0)
		return good;
	(void)fprintf(stderr, lang_text("qtoa: %s; set .secret, so that qtoa can ask WeChat\n"),
	    o->account != NULL ? lang_text("this account has no .secret") :
	    lang_text("no account has .secret"));
	return false;
}

static int
pull_followers(struct followers_pulling *p, const struct followers_order *o)
{
	const struct follower_pull_sum	*s = &p->sum;
	bool				 good;
	int64_t				 ms;

	p->begin_ms = clock_mono_ms();
	good = pull_chosen(p, o);
	ms = clock_mono_ms() - p->begin_ms;
	(void)printf(lang_text("pulled: %lld followers, %lld new, %lld back, %lld gone; asked "
	    "about %lld, %lld left; %lld calls, %lld.%lld s\n"), (long long)s->followers,
	    (long long)s->fresh, (long long)s->back, (long long)s->gone, (long long)s->told,
	    (long long)s->left, (long long)s->calls, (long long)(ms / 1000),
	    (long long)(ms % 1000 / 100));
	if (atomic_load(&stop_ms) != 0)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s; the next run goes on\n"),
		    session_signal());
	return good && atomic_load(&stop_ms) == 0 ? CLI_DONE : CLI_WRONG;
}

static int
run_pull(const struct conf *c, const struct followers_order *o)
{
	struct followers_pulling	 p = { .pull = {
		.days = o->all ? 0 : o->days, .retry = o->retry, .stop_ms = &stop_ms,
		.say = print_pull_line, .progress = draw_pull_bar,
	} };
	struct services			 s;
	int				 rc = CLI_WRONG;

	p.pull.ctx = &p;
	if (session_state(c) == SESSION_FAULT)
		return CLI_WRONG;
	session_catch_signals(note_stop);
	p.bar.width = term_width(STDOUT_FILENO);
	if (services_open(&s, c, SERVICES_TOKENS, STORE_BRIEF, NULL)) {
		p.pull.tools = (struct follower_pull_tools){ c, s.http, s.store, s.tokens };
		rc = pull_followers(&p, o);
	}
	services_close(&s);
	log_close();
	return session_exit_status(rc);
}

/*
 * qtoa followers show
 */

struct followers_view {
	const struct conf		*conf;
	const struct followers_order	*o;
	int64_t				 now_s;
	struct table			 totals, scenes, tags;
	bool				 more;		/* of an export */
	struct buf			 cursor;
};

enum {
	COL_ACCOUNT, COL_FOLLOWERS, COL_STORED, COL_GONE, COL_EVENTS, COL_DIFFERENCE, COL_FOLLOWS,
	COL_UNFOLLOWS, COL_PULLED, COL_STATE
};

static const char *const	 totals_names[] = {
	[COL_ACCOUNT] = "account", [COL_FOLLOWERS] = "followers", [COL_STORED] = "stored",
	[COL_GONE] = "gone", [COL_EVENTS] = "by_events", [COL_DIFFERENCE] = "difference",
	[COL_FOLLOWS] = "follows_unheard", [COL_UNFOLLOWS] = "unfollows_unheard",
	[COL_PULLED] = "pulled", [COL_STATE] = "state",
};

/* Fills the numbers that come from the followers of an account. */
static enum error
count_followers(struct table *t, struct db *db, const struct account *a,
    const struct follower_pull_row *r)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_FOLLOWER_COUNTS,
	    DB_VALUES(db_s(a->appid), db_i(r->since_s), db_i(LATE_S)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		table_int(t, COL_STORED, db_col_int(&rows, 0));
		table_int(t, COL_GONE, db_col_int(&rows, 1));
		if (r->since_s != 0) {
			table_int(t, COL_FOLLOWS, db_col_int(&rows, 2));
			table_int(t, COL_UNFOLLOWS, db_col_int(&rows, 3));
		}
	}
	db_end(&rows);
	return er;
}

static enum error
count_by_events(struct table *t, struct db *db, const struct account *a,
    const struct follower_pull_row *r)
{
	int64_t		 net = 0;
	enum error	 er;

	er = db_number(db, &net, SQL_FOLLOWER_NET, DB_VALUES(db_s(a->appid),
	    db_s(a->app_key == NULL ? "" : a->app_key)));
	table_int(t, COL_EVENTS, net);
	if (r->ended_s != 0)
		table_int(t, COL_DIFFERENCE, r->followers - net);
	return er;
}

static void
write_pull_state(char *text, size_t size, const struct follower_pull_row *r, int64_t due,
    int64_t now_s)
{
	if (r->pause_s > now_s)
		(void)snprintf(text, size, lang_text("WeChat refuses (%lld)"),
		    (long long)r->errcode);
	else if (r->state == FOLLOWER_PULL_LIST || r->state == FOLLOWER_PULL_CLOSE)
		(void)snprintf(text, size, "%s", lang_text("list half read"));
	else if (r->ended_s == 0)
		(void)snprintf(text, size, "%s", lang_text("never pulled"));
	else if (due != 0)
		(void)snprintf(text, size, lang_text("%lld to ask for"), (long long)due);
	else
		(void)snprintf(text, size, "%s", lang_text("there"));
}

static enum error
add_totals(struct followers_view *v, struct db *db, const struct account *a)
{
	struct table			*t = &v->totals;
	struct follower_pull_row	 r;
	char				 time[TERM_TIME], state[64];
	int64_t				 due;
	enum error			 er;

	if ((er = follower_store_row(db, &r, a->appid)) != ERR_OK ||
	    (er = follower_store_count_due(db, &due, a->appid, FOLLOWER_ALL, 0)) != ERR_OK ||
	    (er = table_row(t)) != ERR_OK ||
	    (er = table_text(t, COL_ACCOUNT, slice_of(a->path))) != ERR_OK ||
	    (er = count_followers(t, db, a, &r)) != ERR_OK ||
	    (er = count_by_events(t, db, a, &r)) != ERR_OK)
		return er;
	write_pull_state(state, sizeof(state), &r, due, v->now_s);
	if (r.ended_s != 0) {
		term_time(time, r.ended_s);
		table_int(t, COL_FOLLOWERS, r.followers);
		if ((er = table_text(t, COL_PULLED, slice_of(time))) != ERR_OK)
			return er;
	}
	return table_text(t, COL_STATE, slice_of(state));
}

static enum error
add_scenes(struct table *t, struct db *db, const struct account *a)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_FOLLOWER_SCENES, DB_VALUES(db_s(a->appid), db_i(SCENES_MAX)));
	while (er == ERR_OK && db_next(&rows, &er)) {
		if ((er = table_row(t)) != ERR_OK ||
		    (er = table_text(t, 0, slice_of(a->path))) != ERR_OK ||
		    (db_col(&rows, 0).len != 0 &&
		    (er = table_text(t, 1, db_col(&rows, 0))) != ERR_OK) ||
		    (db_col(&rows, 1).len != 0 &&
		    (er = table_text(t, 2, db_col(&rows, 1))) != ERR_OK))
			break;
		table_int(t, 3, db_col_int(&rows, 2));
	}
	db_end(&rows);
	return er;
}

/* Tags and their followers; an account has a hundred tags at most. */
struct tag_counts {
	struct tag_count {
		int64_t	 tag, n;
	}	*of;
	size_t	 n;
};

static enum error
count_tag(struct tag_counts *c, int64_t tag, int64_t n)
{
	struct tag_count	*p;
	size_t			 i;

	for (i = 0; i < c->n; i++)
		if (c->of[i].tag == tag) {
			c->of[i].n += n;
			return ERR_OK;
		}
	if ((p = realloc(c->of, (c->n + 1) * sizeof(*p))) == NULL)
		return ERR_NOMEM;
	c->of = p;
	c->of[c->n++] = (struct tag_count){ tag, n };
	return ERR_OK;
}

/* Counts the numbers of a JSON array for n followers. */
static enum error
count_tags(struct tag_counts *c, struct slice tags, int64_t n)
{
	enum error	 er = ERR_OK;
	int64_t		 tag;
	size_t		 i, begin;

	for (i = 0; i < tags.len && er == ERR_OK; i++) {
		for (begin = i; i < tags.len && tags.p[i] >= '0' && tags.p[i] <= '9'; i++)
			;
		if (number_parse(&tag, (struct slice){ tags.p + begin, i - begin }))
			er = count_tag(c, tag, n);
	}
	return er;
}

static int
compare_tags(const void *a, const void *b)
{
	const struct tag_count	*x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static enum error
add_tags(struct table *t, struct db *db, const struct account *a)
{
	struct tag_counts	 c = { 0 };
	struct db_rows		 rows;
	enum error		 er;
	size_t			 i;

	er = db_start(db, &rows, SQL_FOLLOWER_TAGS, DB_VALUES(db_s(a->appid)));
	while (er == ERR_OK && db_next(&rows, &er))
		er = count_tags(&c, db_col(&rows, 0), db_col_int(&rows, 1));
	db_end(&rows);
	if (c.n != 0)
		qsort(c.of, c.n, sizeof(*c.of), compare_tags);
	for (i = 0; i < c.n && er == ERR_OK; i++) {
		if ((er = table_row(t)) != ERR_OK ||
		    (er = table_text(t, 0, slice_of(a->path))) != ERR_OK)
			break;
		table_int(t, 1, c.of[i].tag);
		table_int(t, 2, c.of[i].n);
	}
	free(c.of);
	return er;
}

static enum error
read_view(struct db *db, void *arg)
{
	static const char *const	 scenes[] = { "account", "scene", "qr_scene", "followers" };
	static const char *const	 tags[] = { "account", "tag", "followers" };
	struct followers_view		*v = arg;
	const struct account		*a;
	enum error			 er;
	size_t				 i;

	if ((er = table_begin(&v->totals, totals_names,
	    sizeof(totals_names) / sizeof(totals_names[0]))) != ERR_OK ||
	    (er = table_begin(&v->scenes, scenes, sizeof(scenes) / sizeof(scenes[0]))) != ERR_OK ||
	    (er = table_begin(&v->tags, tags, sizeof(tags) / sizeof(tags[0]))) != ERR_OK)
		return er;
	for (i = 0; i < v->conf->n && er == ERR_OK; i++) {
		if (!is_chosen(v->conf, v->o, i))
			continue;
		a = &v->conf->accounts[i];
		if ((er = add_totals(v, db, a)) == ERR_OK &&
		    (er = add_scenes(&v->scenes, db, a)) == ERR_OK)
			er = add_tags(&v->tags, db, a);
	}
	return er;
}

static enum error
append_view_json(struct buf *out, const struct followers_view *v)
{
	const struct {
		const char		*name;
		const struct table	*t;
	} parts[] = {
		{ "{\"accounts\":", &v->totals }, { ",\"scenes\":", &v->scenes },
		{ ",\"tags\":", &v->tags },
	};
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && er == ERR_OK; i++)
		if ((er = buf_puts(out, parts[i].name)) == ERR_OK)
			er = table_json(out, parts[i].t);
	return er == ERR_OK ? buf_puts(out, "}\n") : er;
}

static enum error
append_view_text(struct buf *out, const struct followers_view *v)
{
	const struct table	*t[] = { &v->totals, &v->scenes, &v->tags };
	enum error		 er = ERR_OK;
	size_t			 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]) && er == ERR_OK; i++)
		if (t[i]->rows != 0 && (i == 0 || (er = buf_putc(out, '\n')) == ERR_OK))
			er = term_table(out, t[i], NULL, term_width(STDOUT_FILENO));
	return er;
}

static int
show_followers(struct session *session, struct followers_view *v)
{
	struct buf	 out = { 0 };
	enum error	 er = ERR_OK;
	bool		 good;

	good = session_do(session, STORE_READ, read_view, v);
	if (good && v->totals.rows == 0 && !v->o->json) {
		(void)printf("%s", session->services.store == NULL ?
		    lang_text("nothing is stored yet; run: qtoa followers pull\n") :
		    lang_text("no account has .secret\n"));
	} else if (good) {
		er = (v->o->json ? append_view_json : append_view_text)(&out, v);
		if (er == ERR_OK)
			session_print(&out);
	}
	buf_free(&out);
	return good && er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

/*
 * qtoa followers export
 */

static enum error
read_part(struct db *db, void *arg)
{
	struct followers_view	*v = arg;
	struct db_rows		 rows;
	enum error		 er;

	er = db_start(db, &rows, SQL_FOLLOWER_EXPORT, DB_VALUES(db_s(v->o->account->appid),
	    db_text(buf_slice(&v->cursor)), db_i(v->o->gone), db_i(EXPORT_ROWS)));
	if (er == ERR_OK)
		return table_from_rows(&v->totals, &rows, EXPORT_ROWS);
	db_end(&rows);
	return er;
}

static enum error
append_part(struct buf *out, struct followers_view *v, bool first)
{
	const struct table	*t = &v->totals;
	struct slice		 last;
	enum error		 er;

	if (v->o->json)
		er = table_json_lines(out, t);
	else
		er = (first ? table_csv : table_csv_more)(out, t);
	v->more = t->rows == EXPORT_ROWS;
	if (er != ERR_OK || t->rows == 0)
		return er;
	last = table_str(t, t->rows - 1, 0);
	v->cursor.len = 0;
	return buf_put(&v->cursor, last.p, last.len);
}

static int
export_followers(struct session *session, struct followers_view *v)
{
	struct buf	 out = { 0 };
	bool		 good = buf_puts(&v->cursor, "") == ERR_OK, first = true;

	for (v->more = true; v->more && good; first = false) {
		v->more = false;
		buf_reset(&out);
		good = session_do(session, STORE_READ, read_part, v) &&
		    append_part(&out, v, first) == ERR_OK;
		if (good)
			session_print(&out);
	}
	buf_free(&out);
	return good ? CLI_DONE : CLI_WRONG;
}

static int
run_view(const struct conf *c, const struct followers_order *o, bool usable)
{
	struct followers_view	 v = { .conf = c, .o = o, .now_s = clock_wall_ms() / 1000 };
	struct session		 session;
	int			 rc = CLI_WRONG;

	if (session_open(&session, c, usable))
		rc = (strcmp(o->what, "show") == 0 ? show_followers : export_followers)(&session,
		    &v);
	session_close(&session);
	table_free(&v.totals);
	table_free(&v.scenes);
	table_free(&v.tags);
	buf_free(&v.cursor);
	return rc;
}

int
cmd_followers_run(struct conf *c, int problems, int argc, char **argv)
{
	struct followers_order	 o;
	char			 verb[32];

	if (!read_followers_order(&o, c, argc, argv)) {
		(void)snprintf(verb, sizeof(verb), "followers %s", o.what != NULL ? o.what : "");
		return cli_usage(verb);
	}
	if (strcmp(o.what, "pull") != 0)
		return run_view(c, &o, problems == 0);
	return problems != 0 ? CLI_WRONG : run_pull(c, &o);	/* messages have told them */
}
