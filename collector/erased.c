#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/erased.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/hex.h"
#include "core/json_flat.h"
#include "core/json_write.h"

enum { NAME = 16, LABEL = 48 };

/* What the report counts, and what says nothing of a user. */
static const char *const	 counted[] = {
	"MsgType", "Event", "EventKey", "MenuID", "is_scan", "TemplateId", "ErrorCode",
	"ErrorStatus", "SubscribeStatusString", "PopupScene", "Status", "TotalCount",
	"FilterCount", "SentCount", "ErrorCount", "publish_id", "publish_status", "count", "idx",
	"fail_idx",
};

/* Makes the key of table erased. */
static enum error
make_name(unsigned char name[NAME], struct slice application, struct slice user)
{
	const struct slice	 parts[] = { application, { "", 1 }, user };
	struct digest		*d;
	char			 hex[DIGEST_SHA256_HEX + 1];
	size_t			 i;

	if ((d = digest_new(DIGEST_SHA256)) == NULL)
		return ERR_NOMEM;
	digest_hex(d, hex, parts, sizeof(parts) / sizeof(parts[0]));
	digest_free(d);
	for (i = 0; i < NAME; i++)
		name[i] = (unsigned char)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return ERR_OK;
}

static struct db_value
name_value(const unsigned char name[NAME])
{
	return db_b((struct slice){ (const char *)name, NAME });
}

/* Reads the row for an event of that time.  *there: there is one; *id 0: it has no device. */
static enum error
read_row(struct db *db, bool *there, int64_t *id, const unsigned char name[NAME], int64_t time_s)
{
	struct db_rows	 rows;
	enum error	 er;

	*there = false;
	*id = 0;
	er = db_start(db, &rows, SQL_ERASED_FIND, DB_VALUES(name_value(name), db_i(time_s)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		*there = true;
		*id = db_col_int(&rows, 0);
	}
	db_end(&rows);
	return er;
}

/* Most stores have forgotten nobody: then no digest is made. */
static enum error
look_up(struct db *db, bool *there, int64_t *id, unsigned char name[NAME],
    struct slice application, struct slice user, int64_t time_s)
{
	int64_t		 any = 0;
	enum error	 er;

	*there = false;
	*id = 0;
	er = db_number(db, &any, SQL_ERASED_ANY, DB_NO_VALUES);
	if (er != ERR_OK || any == 0 || (er = make_name(name, application, user)) != ERR_OK)
		return er;
	return read_row(db, there, id, name, time_s);
}

enum error
erased_knows(struct db *db, bool *knows, struct slice application, struct slice user,
    int64_t time_s)
{
	unsigned char	 name[NAME];
	int64_t		 id;

	return look_up(db, knows, &id, name, application, user, time_s);
}

/* A row of a set. */
struct erased_row {
	unsigned char	 name[NAME];
	int64_t		 until_s;
};

enum error
erased_set_read(struct erased_set *set, struct db *db)
{
	struct erased_row	 r;
	struct db_rows		 rows;
	struct slice		 name;
	enum error		 er;

	buf_reset(&set->rows);
	set->n = 0;
	er = db_start(db, &rows, SQL_ERASED_ALL, DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er)) {
		if ((name = db_col(&rows, 0)).len != NAME)
			continue;
		memset(&r, 0, sizeof(r));
		memcpy(r.name, name.p, NAME);
		r.until_s = db_col_int(&rows, 1);
		er = buf_put(&set->rows, (const char *)&r, sizeof(r));
		set->n++;
	}
	db_end(&rows);
	return er;
}

/* For bsearch(): rows begin with their names. */
static int
compare_names(const void *a, const void *b)
{
	return memcmp(a, b, NAME);
}

enum error
erased_set_knows(const struct erased_set *set, bool *knows, struct slice application,
    struct slice name, int64_t time_s)
{
	struct erased_row	 r;
	unsigned char		 key[NAME];
	const char		*found;
	enum error		 er;

	*knows = false;
	if (set->n == 0)
		return ERR_OK;
	if ((er = make_name(key, application, name)) != ERR_OK)
		return er;
	if ((found = bsearch(key, set->rows.p, set->n, sizeof(r), compare_names)) != NULL) {
		memcpy(&r, found, sizeof(r));
		*knows = r.until_s >= time_s;
	}
	return ERR_OK;
}

void
erased_set_free(struct erased_set *set)
{
	buf_free(&set->rows);
}

enum error
erased_find(struct db *db, int64_t *id, struct slice application, struct slice user,
    int64_t time_s)
{
	unsigned char	 name[NAME];
	bool		 there;
	enum error	 er;

	er = look_up(db, &there, id, name, application, user, time_s);
	if (er != ERR_OK || !there || *id != 0)
		return er;
	if ((er = erased_device(db, id, application, time_s, time_s)) == ERR_OK)
		er = db_run(db, NULL, SQL_ERASED_DEVICE, DB_VALUES(db_i(*id), name_value(name)));
	return er;
}

enum error
erased_add(struct db *db, struct slice application, struct slice user, int64_t id, int64_t until_s)
{
	unsigned char	 name[NAME];
	enum error	 er;

	if ((er = make_name(name, application, user)) != ERR_OK)
		return er;
	/* A user who is forgotten again without any event keeps the device of the last time. */
	return db_run(db, NULL, SQL_ERASED_PUT, DB_VALUES(name_value(name),
	    id == 0 ? db_s(NULL) : db_i(id), db_i(until_s)));
}

/* A name that no device has in any store: recovery brings devices of several stores together. */
static void
write_label(char label[LABEL], int64_t id)
{
	(void)snprintf(label, LABEL, "forgotten-%llx-%lld", (unsigned long long)clock_wall_ms(),
	    (long long)id);
}

enum error
erased_unname(struct db *db, int64_t id)
{
	char	 label[LABEL];

	write_label(label, id);
	return db_run(db, NULL, SQL_DEVICE_RENAME, DB_VALUES(db_i(id), db_s(label)));
}

enum error
erased_device(struct db *db, int64_t *id, struct slice application, int64_t first_s,
    int64_t last_s)
{
	char		 label[LABEL];
	int64_t		 last = 0;
	enum error	 er;

	if ((er = db_number(db, &last, SQL_DEVICE_HIGHEST, DB_NO_VALUES)) != ERR_OK)
		return er;
	write_label(label, last + 1);
	er = db_run(db, NULL, SQL_DEVICE_ADD, DB_VALUES(db_text(application), db_s(label),
	    db_i(first_s), db_i(last_s)));
	return er != ERR_OK ? er : db_number(db, id, SQL_DEVICE_ID,
	    DB_VALUES(db_text(application), db_s(label)));
}

static bool
is_counted(struct slice name)
{
	size_t	 i;

	for (i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (slice_is(name, counted[i]))
			return true;
	return false;
}

/* Appends a member of the object, with a comma before all but the first one. */
static enum error
append_counted(struct buf *out, const struct json_flat_value *v, bool is_first)
{
	enum error	 er = is_first ? ERR_OK : buf_putc(out, ',');

	if (er != ERR_OK || (er = json_write_value(out, v->name)) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK)
		return er;
	return v->bare ? buf_put(out, v->value.p, v->value.len) : json_write_value(out, v->value);
}

enum error
erased_strip(struct buf *out, struct slice attributes)
{
	struct json_flat	 j = { .n = 0 };
	struct buf		 text = { 0 };
	bool			 is_first = true;
	enum error		 er;
	size_t			 i;

	if ((er = buf_put(&text, attributes.p, attributes.len)) != ERR_OK ||
	    (er = buf_putc(out, '{')) != ERR_OK)
		goto out;
	if (!json_flat_read(&j, text.p, text.len))
		j.n = 0;
	for (i = 0; i < j.n && er == ERR_OK; i++)
		if (is_counted(j.v[i].name) && !j.v[i].array) {
			er = append_counted(out, &j.v[i], is_first);
			is_first = false;
		}
	if (er == ERR_OK)
		er = buf_putc(out, '}');
out:
	buf_free(&text);
	return er;
}
