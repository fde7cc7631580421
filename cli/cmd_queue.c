#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "collector/event_store.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/utf8.h"
#include "forwarder/breaker.h"
#include "state/dedup.h"
#include "state/queue.h"
#include "state/recover.h"
#include "state/store.h"

enum { RETRY_STEP = 5000 };	/* ids in one transaction */

/*
 * qtoa queue retry
 */

struct retrying {
	const struct conf	*conf;
	struct queue_choice	 choice;	/* its ids are those of this step */
	int64_t			 last;		/* the queue's last id */
	int64_t			 n;		/* messages of this step that are due now */
	char			 of[128];	/* retry of one message: its account */
};

static enum error
retry_range(struct db *db, void *arg)
{
	struct retrying	*r = arg;

	return queue_retry(db, &r->choice, clock_wall_ms(), &r->n);
}

static enum error
copy_account(void *ctx, const struct queue_message *m)
{
	struct retrying	*r = ctx;

	(void)snprintf(r->of, sizeof(r->of), "%.*s", (int)m->account.len, m->account.p);
	return ERR_OK;
}

static enum error
retry_one(struct db *db, void *arg)
{
	struct retrying	*r = arg;
	enum error	 er;

	*r->of = '\0';
	if ((er = queue_show(db, r->choice.from, copy_account, r)) == ERR_OK &&
	    (er = retry_range(db, r)) == ERR_OK && r->n != 0)
		er = breaker_reset(db, r->conf, r->of);
	return er;
}

static enum error
begin_retry(struct db *db, void *arg)
{
	struct retrying	*r = arg;
	enum error	 er;

	if ((er = queue_last(db, &r->last)) == ERR_OK)
		er = breaker_reset(db, r->conf, r->choice.account);
	return er;
}

/* Does the work in the store, and marks the store so that the next CGI finds work there. */
static bool
retry_in_store(struct session *session, store_work *work, struct retrying *r)
{
	bool	 good;

	if (session->services.store == NULL)
		return true;
	store_raise(session->services.store);
	good = session_do(session, STORE_WRITE, work, r);
	store_raise(session->services.store);
	return good;
}

/* Takes many small steps, so that no request waits long.  *sum: messages that are due now. */
static bool
retry_all(struct session *session, struct retrying *r, int64_t *sum)
{
	struct queue_choice	*c = &r->choice;

	if (!retry_in_store(session, begin_retry, r))
		return false;
	for (c->from = 1; c->from <= r->last && session_signal() == NULL; c->from = c->to + 1) {
		c->to = c->from + RETRY_STEP - 1;
		if (!retry_in_store(session, retry_range, r))
			return false;
		*sum += r->n;
	}
	return true;
}

/* Reads the arguments.  *of: the word for a message, an account or all; NULL: there is no word. */
static bool
read_retry(const char **of, const char **outcome, int argc, char **argv)
{
	int	 i;

	*of = *outcome = NULL;
	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--outcome") == 0 && i + 1 < argc && *outcome == NULL)
			*outcome = argv[++i];
		else if (*of == NULL && *argv[i] != '-')
			*of = argv[i];
		else
			return false;
	return *of != NULL || *outcome != NULL;
}

/* Retries one message.  False: the store failed, or there is no such message. */
static bool
retry_message(struct session *session, struct retrying *r, int64_t *sum)
{
	r->choice.to = r->choice.from;
	if (!retry_in_store(session, retry_one, r))
		return false;
	if ((*sum = r->n) == 0)
		(void)fprintf(stderr, lang_text("qtoa: there is no pending or dead message "
		    "%lld%s\n"), (long long)r->choice.from, r->choice.outcome != NULL ?
		    lang_text(" with this outcome") : "");
	return *sum != 0;
}

/* Retries the messages of one account, or of all.  False: the store failed, or no such account. */
static bool
retry_account(struct session *session, struct retrying *r, int64_t *sum, const char *of)
{
	if (of != NULL && strcmp(of, "all") != 0) {
		r->choice.account = of + (*of == '/');
		if (conf_destination(r->conf, slice_of(r->choice.account)) == NULL) {
			suggest_account(r->conf, ".path", r->choice.account);
			return false;
		}
	}
	return retry_all(session, r, sum);
}

struct outcomes {
	struct nearest	 near;
	char		 best[SUGGEST_TEXT];	/* what near.best points to */
};

/* Compares the outcome that was asked for with one that messages have. */
static void
compare_outcome(void *ctx, struct slice outcome)
{
	struct outcomes	*o = ctx;
	char		 text[SUGGEST_TEXT];

	(void)snprintf(text, sizeof(text), "%.*s", (int)outcome.len, outcome.p);
	nearest_try(&o->near, outcome, text);
	if (o->near.best == text) {
		memcpy(o->best, text, sizeof(text));
		utf8_mask(o->best);
		o->near.best = o->best;
	}
}

static enum error
compare_outcomes(struct db *db, void *arg)
{
	return queue_outcomes(db, compare_outcome, arg);
}

static int
complain_no_outcome(struct session *session, const struct retrying *r)
{
	struct outcomes	 o = { .best = "" };
	struct suggest	 s;

	nearest_begin(&o.near, slice_of(r->choice.outcome));
	(void)session_do(session, STORE_READ, compare_outcomes, &o);
	if (strcmp(o.best, r->choice.outcome) == 0)	/* messages of another account have it */
		o.near.best = NULL;
	(void)fprintf(stderr, lang_text("qtoa: no message has the last outcome \"%s\"%s\n"),
	    r->choice.outcome, *suggest_best(&s, &o.near) != '\0' ? s.text :
	    lang_text("; qtoa queue list shows them"));
	return CLI_WRONG;
}

static void
say_due(int64_t sum)
{
	(void)printf(lang_text("%lld message%s due now\n"), (long long)sum, sum == 1 ? " is" :
	    "s are");
}

/* A signal has ended the steps; the message that would have been next is the choice's first. */
static int
say_retry_stopped(const struct retrying *r, int64_t sum)
{
	say_due(sum);
	if (r->choice.from <= r->last)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s; messages from %lld to %lld "
		    "are left; run it again\n"), session_signal(),
		    (long long)r->choice.from, (long long)r->last);
	return session_exit_status(CLI_WRONG);
}

static int
run_retry(struct session *session, int argc, char **argv)
{
	struct retrying	 r = { .conf = session->services.conf };
	const char	*of;
	bool		 one;
	int64_t		 sum = 0;

	if (!read_retry(&of, &r.choice.outcome, argc, argv))
		return cli_usage_why("queue retry", "write /ACCOUNT for a path that looks like an "
		    "ID or is all");
	session_catch_signals(NULL);
	one = of != NULL && session_read_id(&r.choice.from, of);
	if (!session->usable)
		return CLI_WRONG;	/* messages have told the problems */
	if (one ? !retry_message(session, &r, &sum) : !retry_account(session, &r, &sum, of))
		return CLI_WRONG;
	if (session_signal() != NULL)
		return say_retry_stopped(&r, sum);
	if (sum == 0 && r.choice.outcome != NULL)
		return complain_no_outcome(session, &r);
	say_due(sum);
	return CLI_DONE;
}

/*
 * qtoa queue drop
 */

struct dropping {
	int64_t			 id, n;
	bool			 found;
	enum queue_state	 state;
	unsigned char		 key[QUEUE_KEY];
	char			 text[256];	/* describes the message */
};

static enum error
describe_message(void *ctx, const struct queue_message *m)
{
	struct dropping	*d = ctx;
	struct buf	 text = { .max = sizeof(d->text) };
	char		 age[FORMAT_SPAN];
	enum error	 er;

	d->found = true;
	d->state = m->state;
	memcpy(d->key, m->key, QUEUE_KEY);
	format_span(age, clock_wall_ms() - m->received_ms);
	if ((er = format_line(&text, NULL, m->account, 64)) == ERR_OK &&
	    (er = buf_puts(&text, ", ")) == ERR_OK &&
	    (er = format_line(&text, NULL, session_or_dash(m->code), 64)) == ERR_OK &&
	    (er = buf_printf(&text, lang_text(", %s, %s old"),
	    lang_text(queue_states[m->state]), age)) == ERR_OK)
		(void)snprintf(d->text, sizeof(d->text), "%.*s", (int)text.len, text.p);
	buf_free(&text);
	return er;
}

static enum error
read_dropped(struct db *db, void *arg)
{
	struct dropping	*d = arg;

	d->found = false;
	return queue_show(db, d->id, describe_message, d);
}

static enum error
compare_key(void *ctx, const struct queue_message *m)
{
	struct dropping	*d = ctx;

	d->found = memcmp(d->key, m->key, QUEUE_KEY) == 0;
	return ERR_OK;
}

/* Drops the message that the question was about, not a new one that has its id now. */
static enum error
drop_message(struct db *db, void *arg)
{
	struct dropping	*d = arg;
	enum error	 er;

	d->found = false;
	d->n = 0;
	if ((er = queue_show(db, d->id, compare_key, d)) == ERR_OK && d->found)
		er = queue_drop(db, d->id, &d->n);
	return er;
}

/* Lets dedup know the message, so that it does not come in again if WeChat repeats it. */
static void
mark_done(struct session *session, const struct dropping *dr)
{
	if (session->services.store != NULL && services_add(&session->services, SERVICES_DEDUP))
		(void)dedup_mark(session->services.dedup, dr->key, DEDUP_DONE);
}

/* Asks on the terminal.  True: the answer is yes. */
static bool
confirm_drop(const struct dropping *d)
{
	char	 line[16];

	(void)printf(lang_text("message %lld: %s\ndrop it, so that QT never gets it? [y/N] "),
	    (long long)d->id, d->text);
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && (*line == 'y' || *line == 'Y');
}

static int
run_drop(struct session *session, int argc, char **argv)
{
	struct dropping	 dr = { .id = 0 };
	bool		 yes = argc == 2 && strcmp(argv[1], "--yes") == 0;

	if (argc < 1 || argc > 2 || !session_read_id(&dr.id, argv[0]) || (argc == 2 && !yes) ||
	    (!yes && !isatty(STDIN_FILENO)))
		return cli_usage_why("queue drop", "--yes is needed without a terminal");
	if (!session_do(session, STORE_READ, read_dropped, &dr))
		return CLI_WRONG;
	if (!dr.found)
		return session_say_no_message(dr.id);
	if (dr.state == QUEUE_DELIVERED) {
		(void)fprintf(stderr, lang_text("qtoa: message %lld is delivered already; its "
		    "body is deleted after settings.keep_days\n"), (long long)dr.id);
		return CLI_WRONG;
	}
	if (!yes && !confirm_drop(&dr)) {
		(void)printf(lang_text("message %lld is kept\n"), (long long)dr.id);
		return CLI_WRONG;
	}
	mark_done(session, &dr);
	if (!session_do(session, STORE_SYNC, drop_message, &dr))
		return CLI_WRONG;
	if (dr.n == 0)		/* it was delivered in the meantime */
		return session_say_no_message(dr.id);
	(void)printf(lang_text("message %lld is dropped: %s\n"), (long long)dr.id, dr.text);
	return CLI_DONE;
}

/*
 * The choice of the verb.
 */

/* Moves messages from the spare room to the queue, so that the operator sees them there. */
static void
move_spare(struct session *session)
{
	struct services	*s = &session->services;
	int64_t		 n;

	if (s->store != NULL && services_add(s, SERVICES_DEDUP | SERVICES_SPARE))
		(void)spare_move(s->spare, &n, s->store, s->dedup,
		    clock_mono_ms() + SESSION_PATIENCE_MS);
}

static const struct {
	const char	*name;
	session_verb	*run;
} queue_verbs[] = {
	{ "list", cmd_queue_list_run }, { "show", cmd_queue_show_run }, { "retry", run_retry },
	{ "drop", run_drop }, { "export", cmd_queue_show_export },
};

int
cmd_queue_run(struct conf *c, int problems, int argc, char **argv)
{
	struct session	 session;
	struct store	*own;
	size_t		 i;
	int		 rc = CLI_WRONG;

	for (i = 0; i < sizeof(queue_verbs) / sizeof(queue_verbs[0]); i++)
		if (argc >= 2 && strcmp(argv[1], queue_verbs[i].name) == 0)
			break;
	if (i == sizeof(queue_verbs) / sizeof(queue_verbs[0]))
		return cli_usage("queue");
	if (session_open(&session, c, problems == 0)) {
		move_spare(&session);
		rc = queue_verbs[i].run(&session, argc - 2, argv + 2);
	}
	own = services_own_store(&session.services);
	if (own != NULL && store_has_quarantine(own))
		(void)recover_run(own, session.services.store, c->set.state_dir,
		    event_store_sources);
	session_close(&session);
	log_close();
	return rc;
}
