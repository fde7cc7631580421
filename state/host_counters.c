#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/number.h"
#include "state/counter_file.h"
#include "state/host_counters.h"
#include "state/host_file.h"

enum {
	HOUR_S	= 3600,
	ROWS	= 200,		/* after so many a list ends, */
	LEAST	= 2,		/* but not before so many hours */
	SWEEP	= 500,		/* rows that are deleted at a time */
	PLACES	= sizeof(struct counter_numbers) / sizeof(uint64_t)
};

_Static_assert(sizeof(struct counter_numbers) % sizeof(uint64_t) == 0, "it has only numbers");

/* A row that is to be written.  Its texts are in the bytes of the list. */
struct host_counters_row {
	int64_t		 day, hour, file, total;
	size_t		 account, account_len, numbers, numbers_len;
};

/*
 * Numbers as text: "PLACE=NUMBER ", the place in struct counter_numbers, for each that is not 0.
 */

static enum error
append_numbers(struct buf *b, const struct counter_numbers *n)
{
	uint64_t	 v[PLACES];
	enum error	 er = ERR_OK;
	size_t		 i;

	memcpy(v, n, sizeof(v));
	for (i = 0; i < PLACES && er == ERR_OK; i++)
		if (v[i] != 0)
			er = buf_printf(b, "%zu=%llu ", i, (unsigned long long)v[i]);
	return er;
}

/* A place that this program does not know is of a newer one, and is left out. */
static void
parse_numbers(struct counter_numbers *n, struct slice text)
{
	uint64_t	 v[PLACES] = { 0 };
	const char	*p = text.p, *const end = text.p + text.len, *sign, *blank;
	int64_t		 place, number;

	while (p != end && (blank = memchr(p, ' ', (size_t)(end - p))) != NULL) {
		sign = memchr(p, '=', (size_t)(blank - p));
		if (sign != NULL && number_parse(&place, (struct slice){ p, (size_t)(sign - p) }) &&
		    number_parse(&number, (struct slice){ sign + 1, (size_t)(blank - sign) - 1 }) &&
		    place < (int64_t)PLACES)
			v[place] = (uint64_t)number_bounded(number);
		p = blank + 1;
	}
	memcpy(n, v, sizeof(v));
}

/* All requests of an hour: a later state of the hour has at least as many. */
static int64_t
total_of(const struct counter_numbers *n)
{
	uint64_t	 sum = 0;
	int		 i;

	for (i = 0; i < COUNTER__MAX; i++)
		sum += n->count[i];
	return (int64_t)sum;
}

/*
 * Rows that are to be written.
 */

/* True: there is room for one more. */
static bool
ensure_row(struct host_counters_rows *r)
{
	const size_t			 room = r->room == 0 ? 32 : r->room * 2;
	struct host_counters_row	*v;

	if (r->n < r->room)
		return true;
	if ((v = realloc(r->v, room * sizeof(*v))) == NULL)
		return false;
	r->v = v;
	r->room = room;
	return true;
}

/* A counters_each. */
static void
append_hour_row(void *ctx, const struct counter_hour *h)
{
	struct host_counters_rows	*r = ctx;
	struct host_counters_row	*row;

	if (r->er == ERR_OK && !ensure_row(r))
		r->er = ERR_NOMEM;
	if (r->er != ERR_OK)
		return;
	row = &r->v[r->n++];
	*row = (struct host_counters_row){
		.day = h->day, .hour = h->hour, .file = h->file != 0 ? h->file : r->home,
		.total = total_of(h->numbers), .account = r->texts.len,
		.account_len = h->account.len, .numbers = r->texts.len + h->account.len,
	};
	r->er = h->account.len == 0 ? ERR_OK : buf_put(&r->texts, h->account.p, h->account.len);
	if (r->er == ERR_OK)
		r->er = append_numbers(&r->texts, h->numbers);
	row->numbers_len = r->texts.len - row->numbers;
}

/* True: there are enough, and so many hours that a call comes further than the one before. */
static bool
is_enough(const struct host_counters_rows *r, int64_t begin_s, int64_t at_s)
{
	return r->n >= ROWS && at_s >= begin_s + LEAST * HOUR_S;
}

/* Adds the hours of a day from that of *at_s on, which it moves to the first one left out. */
static enum error
take_day(struct host_counters_rows *r, const char *dir, int64_t begin_s, int64_t *at_s,
    int64_t end_s)
{
	enum error	 er = ERR_OK;

	for (; *at_s < end_s && !is_enough(r, begin_s, *at_s) && er == ERR_OK; *at_s += HOUR_S) {
		er = counters_read_hours(dir, *at_s, *at_s, append_hour_row, r);
		er = er == ERR_OK ? r->er : er;
	}
	return er;
}

enum error
host_counters_take(struct host_counters_rows *r, const char *dir, int64_t from_s, int64_t now_s,
    int64_t *until_s)
{
	const int64_t			 begin_s = from_s - from_s % HOUR_S;
	struct counter_file_days	 d;
	enum error			 er;
	int64_t				 start_s, end_s;
	size_t				 i;

	r->n = 0;
	r->er = ERR_OK;
	buf_reset(&r->texts);
	*until_s = begin_s;
	er = counter_file_days(&d, dir, calendar_day_at(from_s), calendar_day_at(now_s));
	for (i = 0; i < d.n && !is_enough(r, begin_s, *until_s) && er == ERR_OK; i++) {
		start_s = calendar_day_start(d.v[i]);
		end_s = start_s + CALENDAR_DAY_S <= now_s ? start_s + CALENDAR_DAY_S : now_s + 1;
		*until_s = start_s > begin_s ? start_s : begin_s;
		er = take_day(r, dir, begin_s, until_s, end_s);
	}
	if (!is_enough(r, begin_s, *until_s))
		*until_s = now_s + 1;
	free(d.v);
	return er;
}

static struct slice
text_of(const struct host_counters_rows *r, size_t at, size_t len)
{
	return (struct slice){ len == 0 ? "" : r->texts.p + at, len };
}

enum error
host_counters_write(struct db *db, const struct host_counters_rows *r)
{
	const struct host_counters_row	*row;
	enum error			 er = ERR_OK;

	for (row = r->v; row != r->v + r->n && er == ERR_OK; row++)
		er = db_run(db, NULL, SQL_HOST_COUNTER_PUT, DB_VALUES(db_i(row->day),
		    db_i(row->hour), db_text(text_of(r, row->account, row->account_len)),
		    db_i(row->file), db_i(r->home), db_i(row->total),
		    db_text(text_of(r, row->numbers, row->numbers_len))));
	return er;
}

void
host_counters_free(struct host_counters_rows *r)
{
	free(r->v);
	buf_free(&r->texts);
	memset(r, 0, sizeof(*r));
}

enum error
host_counters_sweep(struct db *db, int64_t today)
{
	return db_run(db, NULL, SQL_HOST_COUNTER_SWEEP, DB_VALUES(db_i(today - COUNTER_DAYS),
	    db_i(SWEEP)));
}

/*
 * Reading.
 */

/* The files of this host, while they are given to fn: rows of the same files are not. */
struct own_files {
	counters_each	*fn;
	void		*ctx;
	int64_t		*v;
	size_t		 n, room;
	enum error	 er;
};

static bool
is_own(const struct own_files *f, int64_t file)
{
	size_t	 i;

	for (i = f->n; i > 0 && f->v[i - 1] != file; i--)
		;
	return i > 0;
}

/* A counters_each. */
static void
pass_own_hour(void *ctx, const struct counter_hour *h)
{
	struct own_files	*f = ctx;
	const size_t		 room = f->room == 0 ? 64 : f->room * 2;
	int64_t			*v;

	f->fn(f->ctx, h);
	if (f->er != ERR_OK || h->file == 0 || is_own(f, h->file))
		return;
	if (f->n == f->room) {
		if ((v = realloc(f->v, room * sizeof(*v))) == NULL) {
			f->er = ERR_NOMEM;
			return;
		}
		f->v = v;
		f->room = room;
	}
	f->v[f->n++] = h->file;
}

static enum error
read_rows(struct db *db, const struct own_files *own, int64_t home, int64_t from, int64_t to)
{
	struct counter_numbers	*n;
	struct counter_hour	 h;
	struct db_rows		 rows;
	enum error		 er;

	if ((n = malloc(sizeof(*n))) == NULL)
		return ERR_NOMEM;
	er = db_start(db, &rows, SQL_HOST_COUNTER_LIST, DB_VALUES(db_i(from), db_i(to)));
	while (er == ERR_OK && db_next(&rows, &er)) {
		h = (struct counter_hour){
			.day = db_col_int(&rows, 0), .hour = (int)db_col_int(&rows, 1),
			.account = db_col(&rows, 2), .file = db_col_int(&rows, 3), .numbers = n,
		};
		/* An older program's file has no number: its rows have that of the host. */
		if (h.file == home || is_own(own, h.file) || h.hour < 0 ||
		    h.hour >= COUNTER_HOURS)
			continue;
		parse_numbers(n, db_col(&rows, 4));
		own->fn(own->ctx, &h);
	}
	db_end(&rows);
	free(n);
	return er;
}

static bool
is_shared(const struct host_counters_of *of)
{
	return of->db != NULL ? conf_is_set(of->set->store) :
	    of->store != NULL && store_is_shared(of->store);
}

enum error
host_counters_read(const struct host_counters_of *of, bool *whole, int64_t from_day,
    int64_t to_day, counters_each *fn, void *ctx)
{
	const char		*dir = of->set->state_dir;
	struct own_files	 own = { .fn = fn, .ctx = ctx };
	struct db		*db = of->db;
	enum error		 er;

	if (whole != NULL)
		*whole = true;
	if (!is_shared(of))
		return counters_read(dir, from_day, to_day, fn, ctx);
	if ((er = counters_read(dir, from_day, to_day, pass_own_hour, &own)) == ERR_OK &&
	    (er = own.er) == ERR_OK &&
	    (of->db != NULL || (er = store_read(&db, of->set, of->until_ms)) == ERR_OK))
		er = read_rows(db, &own, host_file_home(dir), from_day, to_day);
	if (er == ERR_STORE && db != NULL) {
		if (whole != NULL)
			*whole = false;
		er = ERR_OK;
	}
	if (of->db == NULL)
		db_close(db);
	free(own.v);
	return er;
}
