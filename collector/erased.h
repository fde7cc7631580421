/*
 * erased.h: users who are forgotten (table erased, see state/schema.c; collector/forget.h).
 *
 * Their events stay, so that no figure changes, but they are those of a device without a name, and
 * their attributes are only what the report counts.  An event of such a user can come later: from
 * a file of arrivals, from a queue, from a database in quarantine.  If it is not newer than the
 * time up to which the user is forgotten, it is counted as one of the device without a name.  A
 * newer event means that the user is there again: it is the first event of a new device.
 *
 * The table has no names.  It has half of the SHA-256 of application and name: who knows a name can
 * find out whether it was forgotten, and nobody can read a name from it.
 *
 * The functions with a struct db are for store_work.
 */
#ifndef COLLECTOR_ERASED_H
#define COLLECTOR_ERASED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db.h"

/*
 * The device without a name for an event of that time (epoch seconds); it is made if that is
 * needed.  *id 0: the user is not forgotten, or the event is newer.  ERR_STORE, ERR_NOMEM.
 */
enum error	erased_find(struct db *db, int64_t *id, struct slice application,
		    struct slice name, int64_t time_s);

/* The same question alone: nothing is made. */
enum error	erased_knows(struct db *db, bool *knows, struct slice application,
		    struct slice name, int64_t time_s);

/*
 * All who are forgotten, for many questions; begins as all zero.  The store may know of more by the
 * next transaction.  ERR_STORE, ERR_NOMEM.
 */
struct erased_set {
	struct buf	 rows;
	size_t		 n;
};

enum error	erased_set_read(struct erased_set *set, struct db *db);
enum error	erased_set_knows(const struct erased_set *set, bool *knows,
		    struct slice application, struct slice name, int64_t time_s);
void		erased_set_free(struct erased_set *set);

/*
 * Notes that the user of that name is forgotten up to that time.  id: the device without a name; 0:
 * there is no such device yet.  ERR_STORE, ERR_NOMEM.
 */
enum error	erased_add(struct db *db, struct slice application, struct slice name,
		    int64_t id, int64_t until_s);

/* Takes the name away from a device. */
enum error	erased_unname(struct db *db, int64_t id);

/* Makes a device without a name.  first_s, last_s: the times of its events, epoch seconds. */
enum error	erased_device(struct db *db, int64_t *id, struct slice application, int64_t first_s,
		    int64_t last_s);

/*
 * Appends the attributes of an event without those that tell anything of its user: texts, places,
 * pictures, IDs of messages.  ERR_NOMEM.
 */
enum error	erased_strip(struct buf *out, struct slice attributes);

#endif
