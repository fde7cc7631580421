/*
 * breaker.h: which end points are in trouble, and which accounts QT does not accept.
 *
 * An end point is a qt_url; several accounts may share one.  After breaker_fails failures in a
 * row its breaker opens: nothing is sent there but probes, after 1 s at first, later every 10 s,
 * until QT answers with a code of its own.
 *
 * If QT refuses the signature or keys of an account (101, 106) for five messages in a row, the
 * account is stopped: nothing of it is sent but probes, after 5 s, then after 1 min, later every
 * 10 min.  The stop ends when QT accepts the keys, when the program runs with other keys, or when
 * the operator runs `qtoa queue retry`.
 *
 * Messages that QT cannot take must not delay the others.  So a message that has failed before
 * and fails again is no news, unless many do and no other message passes.  A probe is one message,
 * and one that has never failed comes first.  If such a probe fails, two others follow it at once;
 * if one that has failed before fails again, that delays only others of its kind.
 *
 * The store has the state that counts, and all processes see it there.  struct breakers is this
 * process's copy, for all its threads.  While the store fails there is only the copy: a breaker
 * that was closed there stays closed until the store can be told.
 */
#ifndef FORWARDER_BREAKER_H
#define FORWARDER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/qt_client.h"
#include "state/db.h"
#include "state/lease.h"
#include "state/store.h"

struct breakers;

/*
 * Keeps c, whose accounts must all have a qt_url.  An account here is any destination
 * (core/conf.h); a relay is never stopped.  NULL: no memory.
 */
struct breakers		*breaker_new(const struct conf *c);
void			 breaker_free(struct breakers *b);

/* How many end points all accounts have, and the number of the end point of one, from 0. */
size_t			 breaker_endpoints(const struct breakers *b);
size_t			 breaker_endpoint(const struct breakers *b, const struct account *a);

const char		*breaker_url(const struct breakers *b, size_t endpoint);

/* True: no account before this one in the configuration has the same end point. */
bool			 breaker_is_first(const struct breakers *b, const struct account *a);

enum breaker_gate {
	GATE_GO,	/* messages may be sent */
	GATE_BROKEN,	/* the end point's breaker is open */
	GATE_STOPPED	/* the account is stopped */
};

/*
 * *probe_ms, if the gate is not GATE_GO: when the next probe is due (ms since the epoch).  A
 * message that has never failed may be a probe at breaker_fresh_ms(), which may be earlier.
 */
enum breaker_gate	 breaker_gate(struct breakers *b, const struct account *a,
			    int64_t *probe_ms);
int64_t			 breaker_fresh_ms(struct breakers *b, const struct account *a);

/*
 * True: the caller may probe the end point, and nobody else does before lease_end().  While a store
 * that hosts share fails, another host may do it, too.
 */
bool			 breaker_take_probe(struct store *s, struct lease *probe,
			    const struct account *a);

/*
 * Call these around each attempt of a request; *mark is for breaker_leave().  An end point is
 * saturated when half of all workers have waited for it half of the time that QT has
 * (forward_ms): a request that comes now should not wait, too.
 */
void			 breaker_enter(struct breakers *b, const struct account *a, int64_t *mark);
void			 breaker_leave(struct breakers *b, const struct account *a, int64_t mark);
bool			 breaker_is_saturated(struct breakers *b, const struct account *a);

/*
 * What is known of the end point of an account.  gateway_ms: since when it has not been QT who
 * answers there (ms since the epoch); 0: QT answers, or nobody.
 */
struct breaker_state {
	enum breaker_gate	 gate;
	int64_t			 probe_ms;	/* as of breaker_gate() */
	int64_t			 gateway_ms;
	char			 why[128];	/* the last failure, in words */
};
void			 breaker_look(struct breakers *b, struct breaker_state *state,
			    const struct account *a);

/* What an attempt says of the end point and the account. */
enum breaker_news {
	NEWS_ALIVE,	/* QT answered, with success or not */
	NEWS_TROUBLE,	/* no answer */
	NEWS_GATEWAY,	/* an answer that is not QT's, which is trouble, too */
	NEWS_STOP	/* QT does not accept the account's keys */
};

enum breaker_change {
	BREAKER_SAME, BREAKER_OPENED, BREAKER_CLOSED, BREAKER_STOPPED, BREAKER_RESUMED
};

/*
 * The report of one attempt to reach QT.  breaker_judge() fills it, breaker_settle() writes it, and
 * breaker_log() logs it when the transaction is committed.  A report that is all zero means that
 * no attempt was made: it changes nothing.
 */
struct breaker_report {
	const struct account	*account;
	enum breaker_news	 news;
	int64_t			 again;		/* see breaker_judge() */
	bool			 matters;	/* the news may be a change: it must be settled */
	const char		*why;		/* QT's code, else words; borrowed */
	enum breaker_change	 change;	/* what breaker_settle() has changed */
};

/* again: the message's id in the queue if it had failed before, else 0. */
void			 breaker_judge(struct breakers *b, struct breaker_report *r,
			    const struct account *a, const struct qt_result *res, int64_t again);

/*
 * Writes the report into the store (within a transaction) and into the copy; db NULL: into the
 * copy alone.  When a breaker closes that was open for at least 10 s, or an account goes on,
 * messages in back-off become due.  Errors are the store's.
 */
enum error		 breaker_settle(struct breakers *b, struct breaker_report *r,
			    struct db *db);

/* Writes a line to the log if something has changed. */
void			 breaker_log(const struct breakers *b, const struct breaker_report *r);

/* A store_work that reads the store's state into the copy; arg is the struct breakers. */
enum error		 breaker_load(struct db *db, void *arg);
bool			 breaker_is_loaded(struct breakers *b);	/* it was read at least once */

/* The same where the flag of the store is not raised, so that it has nothing to read. */
void			 breaker_load_nothing(struct breakers *b);

/* True: as far as this process knows, a breaker is open or an account is stopped. */
bool			 breaker_has_trouble(struct breakers *b);

/* The operator wants an account's messages sent now: no stop, no pause.  account NULL: all. */
enum error		 breaker_reset(struct db *db, const struct conf *c, const char *account);

#endif
