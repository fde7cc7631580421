#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/number.h"
#include "core/utf8.h"
#include "state/failure_table.h"

enum {
	HEAD		= 4096,
	PLACE		= 512,		/* one sector: a power cut writes all of it or nothing */
	WORDS		= FAILURE_TABLE_TEXT / 8
};

_Static_assert(sizeof(struct failure_table_head) == 64, "the index follows");
_Static_assert(sizeof(struct failure_place) == PLACE, "one layout");
_Static_assert(sizeof(struct failure_table) == HEAD + FAILURE_TABLE_PLACES * PLACE, "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static const struct failure_table_head	new_head = {
	.magic = { 'q', 't', 'o', 'a', 'f', 'a', 'i', 'l' }, .version = 1,
	.places = FAILURE_TABLE_PLACES, .head = HEAD, .place = PLACE,
};

const struct mapped_file_kind	failure_table_kind = {
	.name = "qtoa.failures", .lock = "failures", .what = "flood",
	.effect = "each process sums up only the failures that it sees itself",
	.head = &new_head, .head_len = sizeof(new_head), .size = sizeof(struct failure_table),
};

static const struct {
	size_t	 from, to;
} places[FAILURE_SCOPES] = {
	[FAILURE_ONE_PEER]	= { 0, 192 },
	[FAILURE_ALL_PEERS]	= { 192, 240 },
	[FAILURE_ALL_ACCOUNTS]	= { 240, FAILURE_TABLE_PLACES },
};

/*
 * The file.
 */

void
failure_table_path(char path[STATE_FILE_PATH], const char *dir)
{
	mapped_file_path(path, dir, &failure_table_kind);
}

enum state_file_is
failure_table_open(struct state_file *f, const char *path, int flags)
{
	return mapped_file_open(f, path, flags, &failure_table_kind);
}

bool
failure_table_begin(struct state_file *f)
{
	return mapped_file_begin(f, &failure_table_kind);
}

enum error
failure_table_read(struct failure_table *t, const char *dir)
{
	struct state_file	 f = { .fd = -1 };
	char			 path[STATE_FILE_PATH];
	enum state_file_is	 is;
	bool			 ok;

	failure_table_path(path, dir);
	is = failure_table_open(&f, path, O_RDONLY);
	ok = is != STATE_FILE_UNREADABLE;
	/* The index comes last: a place that changes meanwhile is not in it any more. */
	if (is == STATE_FILE_SOUND)
		ok = pread(f.fd, t->place, sizeof(t->place), HEAD) == (ssize_t)sizeof(t->place) &&
		    pread(f.fd, t->index, sizeof(t->index), sizeof(t->head)) ==
		    (ssize_t)sizeof(t->index);
	state_file_close(&f);
	return ok ? ERR_OK : ERR_STORE;
}

/*
 * Places.
 */

bool
failure_table_is_taken(const struct failure_table *t, size_t i)
{
	const uint64_t	 hash = t->index[i];

	return hash != 0 && t->place[i].hash == hash;
}

struct failure_place *
failure_table_find(struct failure_table *t, enum failure_scope scope, uint64_t hash)
{
	size_t	 i;

	for (i = places[scope].from; i < places[scope].to; i++)
		if (t->index[i] == hash && t->place[i].hash == hash)
			return &t->place[i];
	return NULL;
}

static void
write_text(struct failure_place *p, enum failure_text which, struct slice s)
{
	uint64_t	 words[WORDS] = { 0 };
	size_t		 i;

	if (s.len != 0)
		memcpy(words, s.p, utf8_cut(s, FAILURE_TABLE_TEXT - 1));
	for (i = 0; i < WORDS; i++)
		p->text[which][i] = words[i];
}

void
failure_table_text(char text[FAILURE_TABLE_TEXT], const struct failure_place *p,
    enum failure_text which)
{
	uint64_t	 word;
	size_t		 i;

	for (i = 0; i < WORDS; i++) {
		word = p->text[which][i];
		memcpy(text + 8 * i, &word, 8);
	}
	text[FAILURE_TABLE_TEXT - 1] = '\0';
}

enum log_level
failure_table_level(const struct failure_place *p)
{
	const uint64_t	 level = p->level;

	return level < LEVEL__MAX ? (enum log_level)level : LEVEL_ERROR;
}

/* A NUL after each text keeps them apart.  Only the last one, the peer, may hold a NUL itself. */
static uint64_t
hash_text(uint64_t h, struct slice s)
{
	return hash_add(hash_add(h, s.p, s.len), "", 1);
}

void
failure_table_hash(struct failure_search *s)
{
	static const enum failure_text	 order[FAILURE_TEXTS] = {
		FAILURE_WHAT, FAILURE_ERROR, FAILURE_REASON, FAILURE_ACCOUNT, FAILURE_PEER,
	};
	const char	 level = (char)s->level;
	unsigned char	 scope = FAILURE_SCOPES + 2;	/* a scope's hash takes three texts */
	uint64_t	 h = hash_text(HASH_EMPTY, (struct slice){ &level, 1 });
	size_t		 i;

	for (i = 0; i < FAILURE_TEXTS; i++) {
		h = hash_text(h, s->text[order[i]]);
		if (--scope < FAILURE_SCOPES)
			s->hash[scope] = hash_add(h, &scope, 1);
		if (scope < FAILURE_SCOPES && s->hash[scope] == 0)	/* 0: a place is free */
			s->hash[scope] = 1;
	}
}

bool
failure_table_is_over(uint64_t minute, int64_t now_ms)
{
	const int64_t	 age_s = now_ms / 1000 - (int64_t)(minute >> 32);

	return age_s >= FAILURE_TABLE_MINUTE_S || age_s <= -FAILURE_TABLE_MINUTE_S;
}

int64_t
failure_table_silence_ms(const struct failure_place *p, int64_t now_ms)
{
	const int64_t	 ms = now_ms - number_bounded(p->last);

	return ms > -FAILURE_TABLE_MINUTE_S * 1000 ? ms : INT64_MAX - 1;
}

size_t
failure_table_find_room(const struct failure_table *t, const struct failure_search *s,
    enum failure_scope scope)
{
	const int64_t	 minute_ms = FAILURE_TABLE_MINUTE_S * 1000;
	const bool	 has_peer = scope == FAILURE_ONE_PEER && s->text[FAILURE_PEER].len != 0;
	int64_t		 ms, longest_ms = minute_ms - 1;
	size_t		 i, found = FAILURE_TABLE_PLACES, peers = 0;

	for (i = places[scope].from; i < places[scope].to; i++) {
		ms = failure_table_is_taken(t, i) ?
		    failure_table_silence_ms(&t->place[i], s->now_ms) : INT64_MAX;
		peers += ms < minute_ms && t->place[i].group == s->hash[FAILURE_ALL_PEERS];
		if (ms > longest_ms) {
			longest_ms = ms;
			found = i;
		}
	}
	return has_peer && peers >= FAILURE_TABLE_PEERS ? FAILURE_TABLE_PLACES : found;
}

struct failure_place *
failure_table_take(struct failure_table *t, size_t i, const struct failure_search *s,
    enum failure_scope scope)
{
	const struct slice	 many = { "*", 1 };
	struct slice		 text[FAILURE_TEXTS];
	struct failure_place	*p = &t->place[i];
	int			 k;

	memcpy(text, s->text, sizeof(text));
	if (scope == FAILURE_ALL_ACCOUNTS)
		text[FAILURE_ACCOUNT] = many;
	if (scope != FAILURE_ONE_PEER && text[FAILURE_PEER].len != 0)
		text[FAILURE_PEER] = many;
	t->index[i] = 0;
	p->hash = 0;
	p->group = s->hash[FAILURE_ALL_PEERS];
	p->level = s->level;
	p->minute = p->unsaid = p->count = 0;
	p->unsaid_first = 0;
	p->first = p->last = s->now_ms;
	for (k = 0; k < FAILURE_TEXTS; k++)
		write_text(p, (enum failure_text)k, text[k]);
	p->hash = s->hash[scope];
	t->index[i] = s->hash[scope];
	return p;
}
