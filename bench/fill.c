/*
 * fill.c: gives a state directory many known messages and many that wait for QT.
 *
 *	fill STATE_DIR ACCOUNT KNOWN WAITING PUSHES
 *
 * It calls the program's own modules, as a server does for each message.  The messages that wait
 * have the queries and bodies of the file PUSHES (see push.py), one after the other and again from
 * the first; each has a key of its own.  With KNOWN 0 no file of known messages is made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/queue.h"
#include "state/store.h"

enum {
	STEP = 5000,		/* messages in a transaction */
	A_SECOND = 1000,	/* so many came in a second of the outage that ends now */
	PUSHES_MAX = 1000
};

struct filling {
	const char		*account;
	struct { struct slice query, body; } pushes[PUSHES_MAX];
	size_t			 n;
	int64_t			 at, end;	/* numbers of the messages of one transaction */
	int64_t			 begin_ms;	/* when the first message came */
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "fill: %s\n", what);
	exit(2);
}

/* A key that no message has: the digest is the number, mixed. */
static void
make_key(unsigned char key[QUEUE_KEY], uint64_t kind, int64_t n, int64_t time_s)
{
	const uint64_t	 number = kind << 32 | (uint64_t)n;
	char		 hex[33];

	(void)snprintf(hex, sizeof(hex), "%016llx%016llx",
	    (unsigned long long)(number * UINT64_C(0x9e3779b97f4a7c15)),
	    (unsigned long long)((number ^ number << 31) * UINT64_C(0xbf58476d1ce4e5b9)));
	queue_key(key, time_s, hex);
}

static void
read_pushes(struct filling *f, const char *path)
{
	static const char	 blank[] = "\r\n\r\n";
	unsigned char		 head[4];
	struct slice		*query, *body;
	size_t			 len;
	char			*p, *end;
	FILE			*in;

	if ((in = fopen(path, "rb")) == NULL)
		die("PUSHES cannot be read");
	while (f->n < PUSHES_MAX && fread(head, 1, 4, in) == 4) {
		len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
		if ((p = malloc(len + 1)) == NULL || fread(p, 1, len, in) != len)
			die("PUSHES ends in a push");
		p[len] = '\0';
		query = &f->pushes[f->n].query;
		body = &f->pushes[f->n++].body;
		if ((end = strchr(p, ' ')) == NULL || (body->p = strstr(p, blank)) == NULL)
			die("PUSHES is not as push.py makes it");
		*query = (struct slice){ p, (size_t)(end - p) };
		body->p += strlen(blank);
		body->len = len - (size_t)(body->p - p);
	}
	(void)fclose(in);
	if (f->n == 0)
		die("PUSHES is empty");
}

/* A store_work that adds the messages of one transaction. */
static enum error
add_messages(struct db *db, void *arg)
{
	struct filling		*f = arg;
	struct queue_message	 m = {
		.account = slice_of(f->account), .code = slice_of("$$_menu_click"),
		.state = QUEUE_PENDING, .outcome = slice_of("breaker"),
	};
	enum error		 er = ERR_OK;
	int64_t			 n;

	for (n = f->at; n < f->end && er == ERR_OK; n++) {
		m.received_ms = m.next_ms = f->begin_ms + n * 1000 / A_SECOND;
		make_key(m.key, 1, n, m.received_ms / 1000);
		m.query = f->pushes[(size_t)n % f->n].query;
		m.body = f->pushes[(size_t)n % f->n].body;
		er = queue_add(db, &m);
	}
	return er;
}

static void
fill_queue(struct filling *f, const struct settings *set, struct locks *locks, int64_t waiting)
{
	struct store	*store = store_new(set, locks, STORE_SERVER);
	char		 why[200];

	if (store == NULL)
		die("no memory");
	f->begin_ms = clock_wall_ms() - waiting * 1000 / A_SECOND;
	for (f->at = 0; f->at < waiting; f->at = f->end) {
		f->end = f->at + STEP < waiting ? f->at + STEP : waiting;
		if (store_do(store, f->end == waiting ? STORE_QUEUE : STORE_WRITE, add_messages, f,
		    clock_mono_ms() + 10000) != ERR_OK) {
			store_why(store, why, sizeof(why));
			die(why);
		}
		store_housekeep(store);
	}
	store_free(store);
}

static void
fill_known(const struct settings *set, struct locks *locks, int64_t known)
{
	struct dedup	*dedup = dedup_new(set, locks);
	unsigned char	 key[QUEUE_KEY];
	int64_t		 n;

	if (dedup == NULL)
		die("no memory");
	for (n = 0; n < known; n++) {
		make_key(key, 0, n, clock_wall_ms() / 1000);
		if (dedup_mark(dedup, key, DEDUP_DONE) != ERR_OK)
			die("the files of known messages cannot be written");
	}
	dedup_free(dedup);
}

int
main(int argc, char **argv)
{
	static struct filling	 f;
	struct settings		 set = { .dedupe_days = 3 };
	struct locks		*locks;

	if (argc != 6) {
		(void)fprintf(stderr, "usage: fill STATE_DIR ACCOUNT KNOWN WAITING PUSHES\n");
		return 2;
	}
	set.state_dir = argv[1];
	f.account = argv[2];
	read_pushes(&f, argv[5]);
	if ((locks = lock_new(set.state_dir)) == NULL)
		die("no memory");
	fill_known(&set, locks, strtoll(argv[3], NULL, 10));
	fill_queue(&f, &set, locks, strtoll(argv[4], NULL, 10));
	lock_free(locks);
	return 0;
}
