/*
 * breaker.h: which end points are in trouble, and which accounts QT does not accept.
 *
 * An end point is a qt_url.  breaker_fails failures in a row open its breaker: nothing is
 * sent but a probe, after 1 s, doubling to 10 s, until QT answers with a code of its own.  An
 * account whose signature or keys QT refuses (101, 106) is stopped until the program runs
 * with other keys, or `qtoa queue retry`.
 *
 * The truth is in the store, where all processes see it; struct breakers is this process's
 * copy, and all there is while the store fails.  It serves all threads.
 */
#ifndef FORWARDER_BREAKER_H
#define FORWARDER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/qt_client.h"
#include "state/db.h"

struct breakers;

struct breakers	*breaker_new(const struct conf *c);	/* keeps c; NULL: no memory */
void		 breaker_free(struct breakers *b);

enum breaker_gate {
	GATE_GO,
	GATE_BROKEN,	/* the end point's breaker is open */
	GATE_STOPPED	/* the account is */
};

/* *probe_ms, where broken: when to probe it (ms since the epoch). */
enum breaker_gate	 breaker_gate(struct breakers *b, const struct account *a, int64_t *probe_ms);

/*
 * Around a request's attempt, so that many which wait show before the first of them fails:
 * *mark is for breaker_leave().  True of an end point is_jammed: half of all workers
 * have waited half of the time that QT has, and who comes now had better not wait, too.
 */
void			 breaker_enter(struct breakers *b, const struct account *a, int64_t *mark);
void			 breaker_leave(struct breakers *b, const struct account *a, int64_t mark);
bool			 breaker_is_saturated(struct breakers *b, const struct account *a);

/* What an attempt says of the end point and the account. */
enum breaker_news {
	NEWS_ALIVE,	/* QT answered, whatever it was */
	NEWS_TROUBLE,	/* no answer, or not QT's */
	NEWS_STOP	/* QT does not accept the account's keys */
};

enum breaker_news	 breaker_news(const struct qt_result *res);

/* False: the news changes nothing, breaker_note() need not be called. */
bool			 breaker_changes(struct breakers *b, const struct account *a, enum breaker_news news);

enum breaker_change { BREAKER_SAME, BREAKER_OPENED, BREAKER_CLOSED, BREAKER_STOPPED };

/*
 * Heeds the news, in the store (within a transaction) and in the copy; db NULL: in the copy
 * alone.  When a breaker opens or closes, what waits in back-off becomes due.  why: in words.
 * *change is for breaker_tell(), once the transaction is committed.
 */
enum error	 breaker_note(struct breakers *b, enum breaker_change *change, struct db *db,
		    const struct account *a, enum breaker_news news, const char *why);

/* A line in the log where something changed. */
void		 breaker_tell(struct breakers *b, const struct account *a,
		    enum breaker_change change, const char *why);

/* The store's truth into the copy: a store_work; arg is the struct breakers. */
enum error	 breaker_load(struct db *db, void *arg);
bool		 breaker_is_loaded(struct breakers *b);		/* has it been, ever */

/* The operator says: send again, at once.  account NULL: all. */
enum error	 breaker_reset(struct db *db, const struct conf *c, const char *account);

#endif
