#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/clock.h"
#include "state/postgres/pg_conn.h"

enum {
	WORDS = 80,		/* parameters of a connection, at most */
	LIST = 1024,		/* bytes of a list of hosts */
	CONNECT_MS = 1000,	/* to connect, at the least, also if the caller has less time */
	NUMBER = 24,		/* bytes of a number as text */
	OF_INT8 = 20, OF_TEXT = 25, OF_BYTEA = 17	/* PostgreSQL's numbers of types */
};

struct pg_conn {
	char		*url;
	PGconn		*pg;		/* NULL: not connected */
	size_t		 hosts;		/* of the URL */
	size_t		 first;		/* the one to begin with, modulo their number */
	bool		 is_connecting;	/* pg is being opened, until then, and waits for this: */
	int64_t		 end_ms;
	PostgresPollingStatusType waits_for;
	size_t		 pending;
	bool		 is_asked;	/* the server was told to send the results that it has */
	bool		 is_begun, is_ended;	/* the pipeline's transaction */
	char		 why[200], heard[200], where[200];
};

static size_t
count_items(const char *list)
{
	size_t	 n = 1;

	for (; *list != '\0'; list++)
		n += *list == ',';
	return n;
}

static bool
is_list(const PQconninfoOption *o)
{
	return strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0 ||
	    strcmp(o->keyword, "port") == 0;
}

/* How many hosts a URL names. */
static size_t
count_hosts(const char *url)
{
	PQconninfoOption	*const all = PQconninfoParse(url, NULL), *o;
	size_t			 n = 1;

	for (o = all; o != NULL && o->keyword != NULL; o++)
		if (o->val != NULL && is_list(o) && count_items(o->val) > n)
			n = count_items(o->val);
	PQconninfoFree(all);
	return n;
}

struct pg_conn *
pg_conn_new(const char *url)
{
	struct pg_conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL || (c->url = strdup(url)) == NULL) {
		free(c);
		return NULL;
	}
	c->hosts = count_hosts(url);
	return c;
}

void
pg_conn_close(struct pg_conn *c)
{
	PQfinish(c->pg);
	c->pg = NULL;
	c->is_connecting = false;
	c->pending = 0;
	c->is_asked = c->is_begun = c->is_ended = false;
}

void
pg_conn_free(struct pg_conn *c)
{
	if (c == NULL)
		return;
	pg_conn_close(c);
	free(c->url);
	free(c);
}

bool
pg_conn_is_open(const struct pg_conn *c)
{
	return c->pg != NULL && !c->is_connecting;
}

const char *
pg_conn_why(const struct pg_conn *c)
{
	return c->why;
}

const char *
pg_conn_where(const struct pg_conn *c)
{
	return c->where;
}

const char *
pg_conn_heard(struct pg_conn *c)
{
	return c->heard;
}

void
pg_conn_forget(struct pg_conn *c)
{
	c->heard[0] = '\0';
}

/* Copies the first line of a message of libpq's or the server's. */
static void
copy_line(char *to, size_t size, const char *text)
{
	if (text == NULL)
		text = "";
	(void)snprintf(to, size, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Gives the connection up, and keeps the reason.  Always false. */
static bool
give_up(struct pg_conn *c, const char *why)
{
	if (why != NULL)
		(void)snprintf(c->why, sizeof(c->why), "%s", why);
	else
		copy_line(c->why, sizeof(c->why), PQerrorMessage(c->pg));
	pg_conn_close(c);
	return false;
}

/* libpq calls this for each notice and warning of the server. */
static void
hear(void *arg, const PGresult *r)
{
	struct pg_conn	*c = arg;
	const char	*kind = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (kind != NULL && strcmp(kind, "WARNING") == 0 && c->heard[0] == '\0')
		copy_line(c->heard, sizeof(c->heard),
		    PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
}

/* Waits for the socket.  False: until_ms has come. */
static bool
wait_socket(struct pg_conn *c, short events, int64_t until_ms)
{
	struct pollfd	 p = { .fd = PQsocket(c->pg), .events = events };
	int64_t		 ms = until_ms - clock_mono_ms();

	if (ms < 0)
		ms = 0;
	return poll(&p, 1, ms < 60000 ? (int)ms : 60000) == 1 || clock_mono_ms() < until_ms;
}

static const char	 late[] = "the server did not answer in time";

bool
pg_conn_is_encrypted(const struct pg_conn *c)
{
	return c->pg != NULL && PQsslInUse(c->pg) != 0;
}

bool
pg_conn_is_near(const struct pg_conn *c)
{
	const char	*host = c->pg == NULL ? NULL : PQhost(c->pg);
	const char	*address = c->pg == NULL ? NULL : PQhostaddr(c->pg);

	return (host != NULL && *host == '/') || (address != NULL &&
	    (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0));
}

/*
 * Characters that the values of a URL do not have.  A password with characters that were not
 * escaped is taken apart, and its pieces are a host, a port or a database: libpq's messages would
 * name them.
 */
static const struct {
	const char	*keyword, *chars;
} unusual[] = {
	{ "host", "@" }, { "dbname", "@" },
};

static bool
is_usual(const PQconninfoOption *o)
{
	const char	*digits = "0123456789,";
	size_t		 i;

	if (o->val == NULL)
		return true;
	if (strcmp(o->keyword, "port") == 0)
		return o->val[strspn(o->val, digits)] == '\0';
	for (i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++)
		if (strcmp(o->keyword, unusual[i].keyword) == 0 &&
		    strpbrk(o->val, unusual[i].chars) != NULL)
			return false;
	return true;
}

/* False: the URL cannot be read, or not as its writer meant it. */
static bool
is_sound(const char *url)
{
	char			*why = NULL;
	PQconninfoOption	*options = PQconninfoParse(url, &why), *o;
	bool			 is = options != NULL;

	for (o = options; is && o->keyword != NULL; o++)
		is = is_usual(o);
	PQconninfoFree(options);
	PQfreemem(why);
	return is;
}

static const char	 no_url[] = "the URL cannot be read; in a user or a password write @ as "
	"%40, / as %2F, : as %3A and % as %25";

/* Parameters of a connection, as PQconnectStartParams() takes them. */
struct words {
	const char	*names[WORDS], *values[WORDS];
	size_t		 n;
	char		 lists[3][LIST];
	size_t		 nlists;
};

static void
put_word(struct words *w, const char *name, const char *value)
{
	if (w->n == WORDS - 1)
		return;
	w->names[w->n] = name;
	w->values[w->n++] = value;
}

/* Moves so many items of a list from its head to its end: "a,b,c" becomes "b,c,a". */
static const char *
turn_list(struct words *w, const char *list, size_t times)
{
	char		*to = w->lists[w->nlists];
	const char	*p = list;

	if (strlen(list) >= LIST - 1)
		return list;
	w->nlists++;
	while (times-- > 0)
		p = strchr(p, ',') + 1;
	(void)snprintf(to, LIST, "%s%s%.*s", p, p == list ? "" : ",",
	    p == list ? 0 : (int)(p - list - 1), list);
	return to;
}

/*
 * Of several hosts libpq tries the next one only if the one before cannot be reached.  One that
 * accepts a connection and is silent, or closes it, would be the last one: so each try begins with
 * another host than the one that failed.
 */
static void
put_url(struct words *w, const PQconninfoOption *o, size_t first)
{
	size_t	 n;

	for (; o->keyword != NULL; o++) {
		if (o->val == NULL)
			continue;
		n = is_list(o) ? count_items(o->val) : 1;
		put_word(w, o->keyword, n == 1 ? o->val : turn_list(w, o->val, first % n));
	}
}

static PGconn *
begin_connect(const struct pg_conn *c)
{
	struct words		 w = { .n = 0 };
	PQconninfoOption	*url = PQconninfoParse(c->url, NULL);
	PGconn			*pg;

	/* What the URL says goes before the first ones, and the last ones go before the URL. */
	put_word(&w, "target_session_attrs", "read-write");
	put_word(&w, "application_name", "qtoa");
	if (url != NULL)
		put_url(&w, url, c->first);
	else
		put_word(&w, "dbname", c->url);		/* libpq says what is wrong with it */
	put_word(&w, "client_encoding", "UTF8");
	pg = PQconnectStartParams(w.names, w.values, url == NULL);
	PQconninfoFree(url);
	return pg;
}

static bool
start_connect(struct pg_conn *c, int64_t ms)
{
	if ((c->pg = begin_connect(c)) == NULL)
		return give_up(c, "no memory");
	if (PQstatus(c->pg) == CONNECTION_BAD)
		return give_up(c, NULL);
	(void)PQsetNoticeReceiver(c->pg, hear, c);	/* else libpq writes to stderr */
	c->is_connecting = true;
	c->end_ms = clock_mono_ms() + (ms > CONNECT_MS ? ms : CONNECT_MS);
	c->waits_for = PGRES_POLLING_WRITING;
	return true;
}

/*
 * Goes on with a connection.  False: until_ms has come, and the next call goes on with it, or it
 * was given up.
 */
static bool
run_connect(struct pg_conn *c, int64_t until_ms)
{
	while (c->waits_for != PGRES_POLLING_OK) {
		if (c->waits_for == PGRES_POLLING_FAILED || PQsocket(c->pg) == -1)
			return give_up(c, NULL);
		if (!wait_socket(c, c->waits_for == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		    until_ms < c->end_ms ? until_ms : c->end_ms)) {
			(void)snprintf(c->why, sizeof(c->why), "%s", late);
			return clock_mono_ms() < c->end_ms ? false : give_up(c, late);
		}
		c->waits_for = PQconnectPoll(c->pg);
	}
	c->is_connecting = false;
	return true;
}

/* Begins with each of the hosts in turn, for its share of the time. */
static bool
connect_server(struct pg_conn *c, int64_t until_ms)
{
	size_t	 n;

	for (n = c->hosts; n > 0; n--) {
		if ((c->is_connecting || start_connect(c, (until_ms - clock_mono_ms()) /
		    (int64_t)n)) && run_connect(c, until_ms))
			return true;
		if (c->is_connecting)
			break;
		c->first++;
		if (clock_mono_ms() >= until_ms)
			break;
	}
	return false;
}

bool
pg_conn_open(struct pg_conn *c, int64_t until_ms)
{
	const char	*host;

	if (pg_conn_is_open(c))
		return true;
	if (!is_sound(c->url))
		return give_up(c, no_url);
	if (!connect_server(c, until_ms))
		return false;
	host = PQhost(c->pg);
	(void)snprintf(c->where, sizeof(c->where), "%s:%s", host == NULL ? "" : host,
	    PQport(c->pg));
	if (PQsetnonblocking(c->pg, 1) == -1 || PQenterPipelineMode(c->pg) == 0)
		return give_up(c, NULL);
	pg_conn_forget(c);
	return true;
}

/* Values as libpq takes them. */
struct parameters {
	int		 n;
	Oid		 types[PG_CONN_VALUES];
	const char	*values[PG_CONN_VALUES];
	int		 lengths[PG_CONN_VALUES], formats[PG_CONN_VALUES];
	char		 numbers[PG_CONN_VALUES][NUMBER];
};

/* False: nothing can be sent. */
static bool
set_parameters(struct parameters *p, const struct pg_conn *c, const struct db_value *v, size_t n)
{
	size_t	 i;

	if (!pg_conn_is_open(c) || n > PG_CONN_VALUES)
		return false;
	p->n = (int)n;
	for (i = 0; i < n; i++) {
		p->types[i] = v[i].type == DB_INT ? OF_INT8 : v[i].type == DB_TEXT ? OF_TEXT :
		    v[i].type == DB_BLOB ? OF_BYTEA : 0;
		p->formats[i] = v[i].type == DB_BLOB || v[i].type == DB_TEXT;
		p->lengths[i] = (int)v[i].s.len;
		p->values[i] = v[i].type == DB_NULL ? NULL : v[i].s.p;
		if (v[i].type != DB_INT)
			continue;
		(void)snprintf(p->numbers[i], NUMBER, "%lld", (long long)v[i].i);
		p->values[i] = p->numbers[i];
	}
	return true;
}

/* Notes that a statement was sent.  rc 0: it was not. */
static bool
note_sent(struct pg_conn *c, int rc)
{
	if (rc == 0)
		return give_up(c, NULL);
	c->pending++;
	c->is_asked = false;
	c->is_begun = true;
	return true;
}

bool
pg_conn_send(struct pg_conn *c, const char *sql, const struct db_value *v, size_t n)
{
	struct parameters	 p;

	return set_parameters(&p, c, v, n) && note_sent(c, PQsendQueryParams(c->pg, sql, p.n,
	    p.types, p.values, p.lengths, p.formats, 1));
}

/* Writes the name of a statement that the server keeps. */
static void
name_kept(char name[NUMBER], int number)
{
	(void)snprintf(name, NUMBER, "qtoa_%d", number);
}

bool
pg_conn_keep(struct pg_conn *c, int number, const char *sql, const struct db_value *v, size_t n)
{
	struct parameters	 p;
	char			 name[NUMBER];

	name_kept(name, number);
	return set_parameters(&p, c, v, n) && note_sent(c, PQsendPrepare(c->pg, name, sql, p.n,
	    p.types));
}

bool
pg_conn_send_kept(struct pg_conn *c, int number, const struct db_value *v, size_t n)
{
	struct parameters	 p;
	char			 name[NUMBER];

	name_kept(name, number);
	return set_parameters(&p, c, v, n) && note_sent(c, PQsendQueryPrepared(c->pg, name, p.n,
	    p.values, p.lengths, p.formats, 1));
}

int
pg_conn_process(const struct pg_conn *c)
{
	return PQbackendPID(c->pg);
}

bool
pg_conn_is_begun(const struct pg_conn *c)
{
	return c->is_begun;
}

size_t
pg_conn_pending(const struct pg_conn *c)
{
	return c->pending;
}

/* Sends what is to be sent, and waits until the next result is there. */
static bool
wait_result(struct pg_conn *c, int64_t until_ms)
{
	int	 unsent;

	for (;;) {
		if ((unsent = PQflush(c->pg)) == -1)
			return give_up(c, NULL);
		if (unsent == 0 && PQisBusy(c->pg) == 0)
			return true;
		if (!wait_socket(c, unsent == 1 ? POLLIN | POLLOUT : POLLIN, until_ms))
			return give_up(c, late);
		if (PQconsumeInput(c->pg) == 0)
			return give_up(c, NULL);
	}
}

struct pg_result *
pg_conn_take(struct pg_conn *c, int64_t until_ms)
{
	PGresult	*r;

	if (c->pg == NULL || c->pending == 0)
		return NULL;
	if (!c->is_asked && PQsendFlushRequest(c->pg) == 0) {
		(void)give_up(c, NULL);
		return NULL;
	}
	c->is_asked = true;
	if (!wait_result(c, until_ms) || (r = PQgetResult(c->pg)) == NULL)
		return NULL;
	c->pending--;
	/* A NULL ends the results of a statement. */
	if (wait_result(c, until_ms) && PQgetResult(c->pg) == NULL)
		return r;
	PQclear(r);
	return NULL;
}

void
pg_conn_clear(struct pg_result *r)
{
	PQclear(r);
}

bool
pg_conn_end(struct pg_conn *c)
{
	if (c->pg == NULL)
		return false;
	if (PQpipelineSync(c->pg) == 0)
		return give_up(c, NULL);
	c->is_asked = c->is_ended = true;
	return true;
}

bool
pg_conn_sync(struct pg_conn *c, int64_t until_ms)
{
	PGresult	*r;
	bool		 done;

	if (!c->is_ended && !pg_conn_end(c))
		return false;
	while (c->pending != 0) {
		if ((r = pg_conn_take(c, until_ms)) == NULL)
			return false;
		PQclear(r);
	}
	if (!wait_result(c, until_ms) || (r = PQgetResult(c->pg)) == NULL)
		return false;
	done = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
	PQclear(r);
	c->is_begun = c->is_ended = false;
	return done ? true : give_up(c, "the server's answers are out of order");
}

/* What failures mean; states of SQL that begin like this. */
static const struct {
	const char	*state;
	enum db_fault	 fault;
	bool		 retry, broken;
} faults[] = {
	{ "40001",	DB_BUSY,	true,	false },	/* another one was first */
	{ "40P01",	DB_BUSY,	true,	false },	/* each waited for the other */
	{ "23503",	DB_BUSY,	true,	false },	/* another one has deleted it, */
	{ "23505",	DB_BUSY,	true,	false },	/* or added the same */
	{ "55P03",	DB_BUSY,	false,	false },
	{ "53100",	DB_FULL,	false,	false },	/* the disk is full */
	{ "57P",	DB_TROUBLE,	true,	true },		/* the server ends this */
	{ "25006",	DB_TROUBLE,	true,	true },		/* it is a standby now */
	{ "0A000",	DB_TROUBLE,	true,	true },		/* a kept statement's table */
	{ "26000",	DB_TROUBLE,	true,	true },		/* has changed, or it is gone */
	{ "08",		DB_TROUBLE,	true,	true },
	{ "XX001",	DB_TROUBLE,	false,	false },
};

bool
pg_conn_is_good(struct pg_conn *c, const struct pg_result *r, enum db_fault *fault, bool *retry)
{
	const ExecStatusType	 is = PQresultStatus(r);
	const char		*state;
	size_t			 i;

	if (is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK)
		return true;
	if (is == PGRES_PIPELINE_ABORTED)	/* the result before says why */
		return false;
	*fault = DB_TROUBLE;
	*retry = false;
	copy_line(c->why, sizeof(c->why), PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
	if ((state = PQresultErrorField(r, PG_DIAG_SQLSTATE)) == NULL)
		return false;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strncmp(state, faults[i].state, strlen(faults[i].state)) == 0) {
			*fault = faults[i].fault;
			*retry = faults[i].retry;
			if (faults[i].broken)
				pg_conn_close(c);
			break;
		}
	return false;
}

const char *
pg_conn_library(void)
{
	static _Thread_local char	 version[16];
	const int			 v = PQlibVersion();

	(void)snprintf(version, sizeof(version), "%d.%d", v / 10000, v % 10000);
	return version;
}
