#include <stdio.h>

#include "state/schema.h"

enum { APPLICATION = 0x71746f61 };	/* "qtoa" */

/* migrations[n] leads from version n to n + 1.  What is here has been run: add, never edit. */
static const char *const migrations[] = {
	/*
	 * message: what WeChat pushed and QT has not confirmed.  key: see state/queue.h.  state:
	 * pending, dead, or, where it is kept, delivered.  Times are ms since the epoch.
	 * next: not to be sent before.  No id comes twice: the log names them.
	 */
	"CREATE TABLE message ("
	"	id		INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	key		BLOB NOT NULL UNIQUE,"
	"	account		TEXT NOT NULL,"
	"	code		TEXT,"
	"	received	INTEGER NOT NULL,"
	"	state		TEXT NOT NULL,"
	"	attempts	INTEGER NOT NULL,"
	"	next		INTEGER,"
	"	outcome		TEXT,"
	"	qt_ms		INTEGER,"
	"	query		BLOB,"
	"	body		BLOB"
	");"
	"CREATE INDEX message_pending ON message (account, next) WHERE state = 'pending';"
	"CREATE INDEX message_dead ON message (account) WHERE state = 'dead';"
	/* endpoint: a breaker.  opened: 0 while it is closed.  probe: not before. */
	"CREATE TABLE endpoint ("
	"	url		TEXT PRIMARY KEY,"
	"	fails		INTEGER NOT NULL,"
	"	opened		INTEGER NOT NULL,"
	"	probes		INTEGER NOT NULL,"
	"	probe		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;"
	/* stopped: QT refused the account's keys; config is a digest of them. */
	"CREATE TABLE stopped ("
	"	account		TEXT PRIMARY KEY,"
	"	config		TEXT NOT NULL,"
	"	since		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;",
	/*
	 * What the collector has counted.  Times are epoch seconds; days are those of China,
	 * numbered from 1970-01-01.
	 *
	 * account: an official account in a QT application (its appkey).
	 */
	"CREATE TABLE account ("
	"	id		INTEGER PRIMARY KEY,"
	"	appid		TEXT NOT NULL,"
	"	application	TEXT NOT NULL,"
	"	path		TEXT NOT NULL,"
	"	name		TEXT NOT NULL,"
	"	UNIQUE (appid, application)"
	");"
	/* device: a user, by openid or unionid; first, last: times of events. */
	"CREATE TABLE device ("
	"	id		INTEGER PRIMARY KEY,"
	"	application	TEXT NOT NULL,"
	"	device		TEXT NOT NULL,"
	"	first		INTEGER NOT NULL,"
	"	last		INTEGER NOT NULL,"
	"	UNIQUE (application, device)"
	");"
	/*
	 * event: part n of a message (key: see state/queue.h).  code: QT's, NULL without a row in
	 * its table.  gap: seconds since the device's event before, by (time, id), which may
	 * be gone; NULL: it is the first.  item: what the event is about.  received: ms.
	 */
	"CREATE TABLE event ("
	"	id		INTEGER PRIMARY KEY,"
	"	account		INTEGER NOT NULL REFERENCES account,"
	"	device		INTEGER NOT NULL REFERENCES device,"
	"	code		TEXT,"
	"	time		INTEGER NOT NULL,"
	"	gap		INTEGER,"
	"	received	INTEGER NOT NULL,"
	"	message		BLOB NOT NULL,"
	"	part		INTEGER NOT NULL,"
	"	attributes	TEXT NOT NULL,"
	"	day		INTEGER GENERATED ALWAYS AS ((time + 28800) / 86400) VIRTUAL,"
	"	item		TEXT GENERATED ALWAYS AS (CASE code"
	"		WHEN '$$_official_account_follow' THEN CASE"
	"			WHEN attributes ->> '$.EventKey' LIKE 'qrscene!_%' ESCAPE '!'"
	"			THEN substr(attributes ->> '$.EventKey', 9) END"
	"		WHEN '$$_scan_open_official_account' THEN attributes ->> '$.EventKey'"
	"		WHEN '$$_menu_click' THEN attributes ->> '$.EventKey'"
	"		WHEN '$$_receive_msg' THEN attributes ->> '$.MsgType'"
	"		WHEN '$$_send_msg_popup' THEN attributes ->> '$.TemplateId'"
	"		WHEN '$$_click_msg_popup' THEN attributes ->> '$.TemplateId'"
	"		WHEN '$$_manager_msg_popup' THEN attributes ->> '$.TemplateId'"
	"		WHEN '$$_template_send_finish' THEN attributes ->> '$.Status'"
	"		WHEN '$$_mass_send_finish' THEN attributes ->> '$.Status'"
	"		WHEN '$$_publish_job_finish' THEN attributes ->> '$.publish_status'"
	"		END) VIRTUAL,"
	"	UNIQUE (message, part)"
	");"
	/* All that questions about a period, or about a device's life, need of an event. */
	"CREATE INDEX event_day ON event (day, code, item, device, time, account, gap);"
	"CREATE INDEX event_device ON event (device, time, id, code, item, account, gap);"
	/* unionid: what WeChat said of a user; it does not change. */
	"CREATE TABLE unionid ("
	"	appid		TEXT NOT NULL,"
	"	openid		TEXT NOT NULL,"
	"	unionid		TEXT NOT NULL,"
	"	PRIMARY KEY (appid, openid)"
	") WITHOUT ROWID;"
	/* tracked: the events with QT's system attributes. */
	"CREATE VIEW tracked AS SELECT"
	"	event.id,"
	"	account.appid || '@wechatoa' AS platform,"
	"	'WeChat Official Accounts' AS platform_type,"
	"	'Custom event' AS event_type,"
	"	event.code AS event_code,"
	"	device.device AS device_id,"
	"	event.day = (device.first + 28800) / 86400 AS is_first_day,"
	"	event.time,"
	"	event.attributes"
	"	FROM event JOIN account ON account.id = event.account"
	"	JOIN device ON device.id = event.device;",
	/*
	 * token: WeChat's access_token of an account, by what it is asked with (config: a digest).
	 * Times are epoch seconds; pause: ms, WeChat is not asked before.  renew: from then on a
	 * newer one is to be had.  calls, forced: on that day of China; forced_at: the last time.
	 */
	"CREATE TABLE token ("
	"	appid		TEXT NOT NULL,"
	"	config		TEXT NOT NULL,"
	"	token		TEXT,"
	"	fetched		INTEGER NOT NULL,"
	"	expires		INTEGER NOT NULL,"
	"	renew		INTEGER NOT NULL,"
	"	fails		INTEGER NOT NULL,"
	"	pause		INTEGER NOT NULL,"
	"	day		INTEGER NOT NULL,"
	"	calls		INTEGER NOT NULL,"
	"	forced		INTEGER NOT NULL,"
	"	forced_at	INTEGER NOT NULL,"
	"	why		TEXT,"
	"	PRIMARY KEY (appid, config)"
	") WITHOUT ROWID;"
	/* handed: how many access_tokens an address was given in a minute (since the epoch). */
	"CREATE TABLE handed ("
	"	address		TEXT PRIMARY KEY,"
	"	minute		INTEGER NOT NULL,"
	"	count		INTEGER NOT NULL"
	") WITHOUT ROWID;",
	/*
	 * forgotten: one row at most.  before: a day; events of the days before it are gone, or
	 * about to go, and none of them is counted any more.
	 */
	"CREATE TABLE forgotten ("
	"	id		INTEGER PRIMARY KEY CHECK (id = 1),"
	"	before		INTEGER NOT NULL"
	");"
	/*
	 * past: what is left of the events of a device in an account that are gone.  last: when
	 * the last of them was.  turned: when the last follow or unfollow among them was, and
	 * turn, its id; follows: 1, it was a follow; NULL: there was none.
	 */
	"CREATE TABLE past ("
	"	id		INTEGER PRIMARY KEY,"
	"	device		INTEGER NOT NULL REFERENCES device,"
	"	account		INTEGER NOT NULL REFERENCES account,"
	"	last		INTEGER NOT NULL,"
	"	turned		INTEGER,"
	"	turn		INTEGER,"
	"	follows		INTEGER,"
	"	UNIQUE (device, account)"
	");",
};

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

static enum error
marks(struct db *db, int64_t *application, int64_t *version, int64_t *tables)
{
	enum error	 er;

	if ((er = db_number(db, application, "PRAGMA application_id", DB_NO_VALUES)) == ERR_OK &&
	    (er = db_number(db, version, "PRAGMA user_version", DB_NO_VALUES)) == ERR_OK)
		er = db_number(db, tables, "SELECT count(*) FROM sqlite_schema", DB_NO_VALUES);
	return er;
}

static enum error
migrate(struct db *db, int64_t version)
{
	char		 sql[96];
	enum error	 er = ERR_OK;

	for (; er == ERR_OK && version < VERSION; version++)
		er = db_script(db, migrations[version]);
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION, (int)VERSION);
	return er == ERR_OK ? db_script(db, sql) : er;
}

enum schema_state
schema_look(struct db *db, int64_t *version, int64_t *ours)
{
	int64_t	 application = 0, tables = 0;

	*version = 0;
	*ours = VERSION;
	if (marks(db, &application, version, &tables) != ERR_OK)
		return SCHEMA_FAULT;
	if (application != APPLICATION && (application != 0 || *version != 0 || tables != 0))
		return SCHEMA_FOREIGN;
	return *version > VERSION ? SCHEMA_NEWER : SCHEMA_READY;
}

/* In a transaction, so that of two processes the second finds it done. */
static enum schema_state
prepare(struct db *db)
{
	int64_t			 version, ours;
	enum schema_state	 is = schema_look(db, &version, &ours);

	if (is == SCHEMA_READY && version < ours && migrate(db, version) != ERR_OK)
		return SCHEMA_FAULT;
	return is;
}

enum schema_state
schema_prepare(struct db *db)
{
	int64_t			 application = 0, version = 0, tables = 0;
	enum schema_state	 is;

	if (marks(db, &application, &version, &tables) != ERR_OK)
		return SCHEMA_FAULT;
	if (application == APPLICATION && version == VERSION)
		return SCHEMA_READY;
	/* Only an empty file takes these: small pages, since each message dirties a few. */
	if (tables == 0 && version == 0)
		(void)db_script(db, "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL");
	if (db_script(db, "BEGIN IMMEDIATE") != ERR_OK)
		return SCHEMA_FAULT;
	is = prepare(db);
	if (is == SCHEMA_READY && db_script(db, "COMMIT") == ERR_OK)
		return SCHEMA_READY;
	(void)db_script(db, "ROLLBACK");
	return is == SCHEMA_READY ? SCHEMA_FAULT : is;
}
