#include <stdio.h>

#include "core/clock.h"
#include "state/postgres/pg_db.h"
#include "state/postgres/pg_schema.h"

/*
 * The subject of an event: see state/sqlite/schema.c.
 *
 * The server refuses a row whose item is too long for an index.  WeChat sends none of more than
 * 1 KB, but a row must never be refused, so longer ones are cut, and their digest tells them apart.
 */
#define ITEM \
	"CASE code" \
	" WHEN '$$_official_account_follow' THEN CASE" \
	"  WHEN attributes::json ->> 'EventKey' LIKE 'qrscene!_%' ESCAPE '!'" \
	"  THEN substr(attributes::json ->> 'EventKey', 9) END" \
	" WHEN '$$_scan_open_official_account' THEN attributes::json ->> 'EventKey'" \
	" WHEN '$$_menu_click' THEN attributes::json ->> 'EventKey'" \
	" WHEN '$$_receive_msg' THEN attributes::json ->> 'MsgType'" \
	" WHEN '$$_send_msg_popup' THEN attributes::json ->> 'TemplateId'" \
	" WHEN '$$_click_msg_popup' THEN attributes::json ->> 'TemplateId'" \
	" WHEN '$$_manager_msg_popup' THEN attributes::json ->> 'TemplateId'" \
	" WHEN '$$_template_send_finish' THEN attributes::json ->> 'Status'" \
	" WHEN '$$_mass_send_finish' THEN attributes::json ->> 'Status'" \
	" WHEN '$$_publish_job_finish' THEN attributes::json ->> 'publish_status'" \
	" END"

/*
 * migrations[n] leads from version n to n + 1.  These statements have been run on many servers: add
 * new ones, never change one.  The tables mean what those of SQLite mean: see
 * state/sqlite/schema.c.
 */
static const char *const migrations[] = {
	/*
	 * Rows of message live only while QT is in trouble, and each is written several times: so
	 * pages keep room for new versions of their rows, and are cleaned early.
	 */
	("CREATE TABLE message ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	key		bytea NOT NULL UNIQUE,"
	"	account		text NOT NULL,"
	"	code		text,"
	"	received	bigint NOT NULL,"
	"	state		text NOT NULL,"
	"	attempts	bigint NOT NULL,"
	"	unread		bigint NOT NULL DEFAULT 0,"
	"	next		bigint,"
	"	outcome		text,"
	"	qt_ms		bigint,"
	"	query		bytea,"
	"	body		bytea"
	") WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,"
	"	autovacuum_vacuum_threshold = 1000);"
	"CREATE INDEX message_pending ON message (account, (attempts > 0), next)"
	"	WHERE state = 'pending';"
	"CREATE INDEX message_dead ON message (account) WHERE state = 'dead';"
	"CREATE TABLE endpoint ("
	"	url		text PRIMARY KEY,"
	"	fails		bigint NOT NULL,"
	"	opened		bigint NOT NULL,"
	"	probes		bigint NOT NULL,"
	"	probe		bigint NOT NULL,"
	"	outcome		text,"
	"	gateway		bigint NOT NULL DEFAULT 0,"
	"	retries		bigint NOT NULL DEFAULT 0,"
	"	top		bigint NOT NULL DEFAULT 0,"
	"	began		bigint NOT NULL DEFAULT 0,"
	"	fresh_probes	bigint NOT NULL DEFAULT 0,"
	"	fresh_probe	bigint NOT NULL DEFAULT 0"
	") WITH (fillfactor = 50);"
	"CREATE TABLE stopped ("
	"	account		text PRIMARY KEY,"
	"	config		text NOT NULL,"
	"	since		bigint NOT NULL,"
	"	outcome		text,"
	"	refusals	bigint NOT NULL DEFAULT 0,"
	"	probes		bigint NOT NULL DEFAULT 0,"
	"	probe		bigint NOT NULL DEFAULT 0,"
	"	fresh_probes	bigint NOT NULL DEFAULT 0,"
	"	fresh_probe	bigint NOT NULL DEFAULT 0"
	");"
	"CREATE TABLE token ("
	"	appid		text NOT NULL,"
	"	config		text NOT NULL,"
	"	token		text,"
	"	fetched		bigint NOT NULL,"
	"	expires		bigint NOT NULL,"
	"	renew		bigint NOT NULL,"
	"	fails		bigint NOT NULL,"
	"	pause		bigint NOT NULL,"
	"	day		bigint NOT NULL,"
	"	calls		bigint NOT NULL,"
	"	forced		bigint NOT NULL,"
	"	forced_at	bigint NOT NULL,"
	"	why		text,"
	"	PRIMARY KEY (appid, config)"
	");"
	"CREATE TABLE handed ("
	"	address		text PRIMARY KEY,"
	"	minute		bigint NOT NULL,"
	"	count		bigint NOT NULL"
	");"
	"CREATE TABLE account ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	appid		text NOT NULL,"
	"	application	text COLLATE \"C\" NOT NULL,"
	"	path		text NOT NULL,"
	"	name		text COLLATE \"C\" NOT NULL,"
	"	UNIQUE (appid, application)"
	");"
	"CREATE TABLE device ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	application	text COLLATE \"C\" NOT NULL,"
	"	device		text COLLATE \"C\" NOT NULL,"
	"	first		bigint NOT NULL,"
	"	last		bigint NOT NULL,"
	"	UNIQUE (application, device)"
	");"
	"CREATE TABLE event ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	account		bigint NOT NULL REFERENCES account,"
	"	device		bigint NOT NULL REFERENCES device,"
	"	code		text COLLATE \"C\","
	"	time		bigint NOT NULL,"
	"	gap		bigint,"
	"	received	bigint NOT NULL,"
	"	message		bytea NOT NULL,"
	"	part		bigint NOT NULL,"
	"	attributes	text NOT NULL,"
	"	day		bigint GENERATED ALWAYS AS ((time + 28800) / 86400) STORED,"
	"	item		text COLLATE \"C\" GENERATED ALWAYS AS (CASE"
	"		WHEN octet_length(attributes) <= 2048 OR octet_length(" ITEM ") <= 2048"
	"			OR " ITEM " IS NULL THEN " ITEM
	"		ELSE left(" ITEM ", 480) || '...' || md5(" ITEM ") END) STORED,"
	"	UNIQUE (message, part)"
	");"
	/*
	 * With 10^8 events a question about a month must not read the other months.  event_day
	 * begins with the day, so a question about a period reads one part of it for each day
	 * and code.  Questions about what a device does next look that up in event_device.  Both
	 * have all columns that these questions need, so the server does not read the rows.
	 * The table has no partitions: the index does their work for questions, days are deleted
	 * row by row anyway (state/sqlite/schema.c: past), and a key that is unique in all
	 * partitions would have to contain the day.
	 */
	"CREATE INDEX event_day ON event (day, code, item, device, time, account, gap)"
	"	INCLUDE (id);"
	"CREATE INDEX event_device ON event (device, time, id) INCLUDE (code, account, gap);"
	"CREATE TABLE unionid ("
	"	appid		text NOT NULL,"
	"	openid		text NOT NULL,"
	"	unionid		text NOT NULL,"
	"	PRIMARY KEY (appid, openid)"
	");"
	"CREATE TABLE forgotten ("
	"	id		bigint PRIMARY KEY CHECK (id = 1),"
	"	before		bigint NOT NULL"
	");"
	"CREATE TABLE past ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	device		bigint NOT NULL REFERENCES device,"
	"	account		bigint NOT NULL REFERENCES account,"
	"	last		bigint NOT NULL,"
	"	turned		bigint,"
	"	turn		bigint,"
	"	follows		bigint,"
	"	UNIQUE (device, account)"
	");"
	/* lease: state/lease.h.  name: a lock's key. */
	"CREATE TABLE lease ("
	"	name		bytea PRIMARY KEY,"
	"	owner		bigint NOT NULL,"
	"	until		timestamptz NOT NULL"
	") WITH (fillfactor = 50);"
	/*
	 * seen: state/dedup_shared.h.  key: the message's time, then its digest, so that new rows
	 * are neighbours, and so are old ones.  made: a day of the server, from 1970-01-01.  known:
	 * 0 nothing, 2 perhaps queued, 3 done.  until: it is claimed until then.  A row has 48
	 * bytes when it is done, and is written twice.  A later migration changes the fillfactor.
	 */
	"CREATE TABLE seen ("
	"	key		uuid PRIMARY KEY,"
	"	made		integer NOT NULL,"
	"	known		smallint NOT NULL,"
	"	until		timestamptz"
	") WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,"
	"	autovacuum_vacuum_insert_scale_factor = 0.1);"),
	/* openid is in the order of its bytes, as in SQLite: a pull goes through it in steps. */
	("CREATE TABLE follower ("
	"	appid		text NOT NULL,"
	"	openid		text COLLATE \"C\" NOT NULL,"
	"	device		text COLLATE \"C\" NOT NULL,"
	"	unionid		text,"
	"	subscribe_time	bigint,"
	"	scene		text COLLATE \"C\","
	"	qr_scene	bigint,"
	"	qr_scene_str	text COLLATE \"C\","
	"	language	text,"
	"	tags		text,"
	"	remark		text,"
	"	seen_at		bigint NOT NULL,"
	"	asked_at	bigint NOT NULL,"
	"	gone_at		bigint,"
	"	followed_at	bigint,"
	"	unfollowed_at	bigint,"
	"	PRIMARY KEY (appid, openid)"
	");"
	"CREATE INDEX follower_asked ON follower (appid, asked_at, openid) WHERE gone_at IS NULL;"
	"CREATE INDEX follower_device ON follower (device, appid);"
	"CREATE TABLE follower_pull ("
	"	appid		text PRIMARY KEY,"
	"	state		bigint NOT NULL DEFAULT 0,"
	"	began		bigint NOT NULL DEFAULT 0,"
	"	cursor		text NOT NULL DEFAULT '',"
	"	listed		bigint NOT NULL DEFAULT 0,"
	"	total		bigint NOT NULL DEFAULT 0,"
	"	ended		bigint NOT NULL DEFAULT 0,"
	"	followers	bigint NOT NULL DEFAULT 0,"
	"	since		bigint NOT NULL DEFAULT 0,"
	"	pause		bigint NOT NULL DEFAULT 0,"
	"	errcode		bigint NOT NULL DEFAULT 0,"
	"	fails		bigint NOT NULL DEFAULT 0"
	");"),
	("CREATE TABLE erased ("
	"	name		bytea PRIMARY KEY,"
	"	device		bigint,"
	"	until		bigint NOT NULL"
	");"
	"CREATE TABLE leaving (message bigint PRIMARY KEY);"
	"CREATE TABLE departed ("
	"	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	"	at		bigint NOT NULL,"
	"	since		bigint NOT NULL,"
	"	until		bigint NOT NULL,"
	"	appid		text NOT NULL,"
	"	name		text NOT NULL"
	");"),
	"CREATE TABLE qrcode ("
	"	appid		text NOT NULL,"
	"	name		text COLLATE \"C\" NOT NULL,"
	"	scene		text COLLATE \"C\" NOT NULL,"
	"	ticket		text NOT NULL,"
	"	url		text NOT NULL,"
	"	made		bigint NOT NULL,"
	"	expires		bigint NOT NULL,"
	"	PRIMARY KEY (appid, name)"
	");",
	/* host: state/hosts.h; first, seen: ms of the server's clock. */
	("CREATE TABLE host ("
	"	home		bigint PRIMARY KEY,"
	"	name		text NOT NULL,"
	"	pulse		bigint NOT NULL,"
	"	first		bigint NOT NULL,"
	"	seen		bigint NOT NULL,"
	"	version		text NOT NULL,"
	"	server		bigint NOT NULL,"
	"	stopped		bigint NOT NULL"
	") WITH (fillfactor = 50);"
	/* host_counter: state/host_counters.h.  The row of the hour is written again and again. */
	"CREATE TABLE host_counter ("
	"	day		bigint NOT NULL,"
	"	hour		bigint NOT NULL,"
	"	account		text NOT NULL,"
	"	file		bigint NOT NULL,"
	"	home		bigint NOT NULL,"
	"	total		bigint NOT NULL,"
	"	numbers		text NOT NULL,"
	"	PRIMARY KEY (day, hour, account, file)"
	") WITH (fillfactor = 80);"),
	/*
	 * The server removes old versions from a page when a row is read in it that has less than
	 * a tenth of its room left.  With a fillfactor of 90 no row is added to the page any more
	 * by then, and up to half of it stays free.  So rows are added until the page is full.
	 */
	"ALTER TABLE seen RESET (fillfactor);",
};

enum { MIGRATE_MS = 10000 };	/* for what is done once in the life of a database */

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

/* Two hosts may do it at the same time: the second one fails then, and finds it done. */
static const char	 marks[] =
	"CREATE TABLE IF NOT EXISTS qtoa_schema ("
	"	id		bigint PRIMARY KEY CHECK (id = 1),"
	"	version		bigint NOT NULL"
	");"
	"INSERT INTO qtoa_schema VALUES (1, 0) ON CONFLICT DO NOTHING";

/* A process that is stopped while it has the row locked loses the lock. */
static const char	 begin[] =
	"BEGIN;"
	"SET LOCAL idle_in_transaction_session_timeout = '10s';"
	"SET LOCAL synchronous_commit = local";

static enum error
read_version(struct db *db, int64_t *version)
{
	int64_t		 tables = 0;
	enum error	 er;

	*version = -1;
	er = pg_db_number(db, &tables, "SELECT count(*) FROM pg_catalog.pg_class "
	    "WHERE oid = to_regclass('qtoa_schema')", DB_NO_VALUES);
	if (er == ERR_OK && tables != 0)
		er = pg_db_number(db, version, "SELECT version FROM qtoa_schema", DB_NO_VALUES);
	return er == ERR_OK ? pg_db_finish(db, true) : er;
}

enum error
pg_schema_look(struct db *db, int64_t *version, int64_t *ours)
{
	*ours = VERSION;
	return read_version(db, version);
}

static enum error
migrate(struct db *db)
{
	int64_t		 version = VERSION;
	enum error	 er;

	if ((er = db_script(db, begin)) != ERR_OK ||
	    (er = pg_db_number(db, &version, "SELECT version FROM qtoa_schema FOR UPDATE",
	    DB_NO_VALUES)) != ERR_OK)
		return er;
	for (; version < VERSION && er == ERR_OK; version++)
		er = db_script(db, migrations[version]);
	if (er == ERR_OK && version == VERSION)
		er = pg_db_run(db, NULL, "UPDATE qtoa_schema SET version = $1",
		    DB_VALUES(db_i(VERSION)));
	return er == ERR_OK ? pg_db_commit(db) : er;
}

static enum error
refuse_newer(bool *is_refused, char *why, size_t size, int64_t version)
{
	*is_refused = true;
	(void)snprintf(why, size, "the database is of a newer qtoa, version %lld where this one "
	    "knows %d; install the newer qtoa on this host", (long long)version, (int)VERSION);
	return ERR_STORE;
}

enum error
pg_schema_prepare(struct db *db, bool *is_refused, char *why, size_t size)
{
	int64_t		 version;
	enum error	 er;

	*is_refused = false;
	er = read_version(db, &version);
	if (er == ERR_OK && version < VERSION)
		db_patience(db, clock_mono_ms() + MIGRATE_MS);
	if (er == ERR_OK && version == -1) {
		if (db_script(db, marks) != ERR_OK)
			pg_db_rollback(db);
		(void)pg_db_finish(db, true);
		er = read_version(db, &version);
	}
	if (er == ERR_OK && version > VERSION)
		return refuse_newer(is_refused, why, size, version);
	if (er == ERR_OK && version < VERSION && (er = migrate(db)) != ERR_OK)
		pg_db_rollback(db);
	if (er == ERR_OK && version < VERSION)
		er = read_version(db, &version);
	if (er == ERR_OK && version > VERSION)
		return refuse_newer(is_refused, why, size, version);
	if (er != ERR_OK)
		(void)snprintf(why, size, "%s", db_why(db));
	return er;
}
