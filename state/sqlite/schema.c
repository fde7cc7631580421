#include <stdio.h>

#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"

enum { APPLICATION = 0x71746f61 };	/* "qtoa" */

/*
 * migrations[n] leads from version n to n + 1.  These statements have been run on many computers:
 * add new ones, never change one.
 */
static const char *const migrations[] = {
	/*
	 * message: messages that WeChat pushed and QT has not confirmed.  key: see state/queue.h.
	 * state: pending, dead (QT refused it), or delivered (if it is kept).  Times are ms since
	 * the epoch.  next: it is not to be sent before.  No id is used twice, since the log
	 * names them.
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
	/* endpoint: its breaker.  opened: 0 while closed.  probe: the next one is not before. */
	"CREATE TABLE endpoint ("
	"	url		TEXT PRIMARY KEY,"
	"	fails		INTEGER NOT NULL,"
	"	opened		INTEGER NOT NULL,"
	"	probes		INTEGER NOT NULL,"
	"	probe		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;"
	/* stopped: accounts whose keys QT refused; config: a digest of the keys. */
	"CREATE TABLE stopped ("
	"	account		TEXT PRIMARY KEY,"
	"	config		TEXT NOT NULL,"
	"	since		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;",
	/*
	 * The tables of the collector.  Times are epoch seconds; days are those of China, numbered
	 * from 1970-01-01.
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
	/* device: a user, by openid or unionid.  first, last: times of events. */
	"CREATE TABLE device ("
	"	id		INTEGER PRIMARY KEY,"
	"	application	TEXT NOT NULL,"
	"	device		TEXT NOT NULL,"
	"	first		INTEGER NOT NULL,"
	"	last		INTEGER NOT NULL,"
	"	UNIQUE (application, device)"
	");"
	/*
	 * event: part n of a message (its key: see state/queue.h).  code: QT's; NULL: QT's table
	 * has no row for it.  gap: seconds since the device's previous event, by (time, id),
	 * which may be deleted now; NULL: it is the first.  item: the menu button, QR code or
	 * text that the event is about.  received: ms.
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
	"			WHEN json_extract(attributes, '$.EventKey')"
	"			LIKE 'qrscene!_%' ESCAPE '!'"
	"			THEN substr(json_extract(attributes, '$.EventKey'), 9) END"
	"		WHEN '$$_scan_open_official_account'"
	"			THEN json_extract(attributes, '$.EventKey')"
	"		WHEN '$$_menu_click' THEN json_extract(attributes, '$.EventKey')"
	"		WHEN '$$_receive_msg' THEN json_extract(attributes, '$.MsgType')"
	"		WHEN '$$_send_msg_popup' THEN json_extract(attributes, '$.TemplateId')"
	"		WHEN '$$_click_msg_popup' THEN json_extract(attributes, '$.TemplateId')"
	"		WHEN '$$_manager_msg_popup' THEN json_extract(attributes, '$.TemplateId')"
	"		WHEN '$$_template_send_finish' THEN json_extract(attributes, '$.Status')"
	"		WHEN '$$_mass_send_finish' THEN json_extract(attributes, '$.Status')"
	"		WHEN '$$_publish_job_finish'"
	"			THEN json_extract(attributes, '$.publish_status')"
	"		END) VIRTUAL,"
	"	UNIQUE (message, part)"
	");"
	/* These have all columns that queries about a period, or about a device, need. */
	"CREATE INDEX event_day ON event (day, code, item, device, time, account, gap);"
	"CREATE INDEX event_device ON event (device, time, id, code, item, account, gap);"
	/* unionid: WeChat's answer for a user; it never changes. */
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
	 * token: WeChat's access_token of an account.  config: a digest of the settings that it
	 * is requested with.  Times are epoch seconds, but pause is ms: WeChat is not asked
	 * before. renew: from then on a newer token can be requested.  calls, forced: how many
	 * requests, and forced ones, there were on that day of China; forced_at: when the last
	 * forced one was.
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
	/* handed: how many access_tokens an address got in a minute (numbered from the epoch). */
	"CREATE TABLE handed ("
	"	address		TEXT PRIMARY KEY,"
	"	minute		INTEGER NOT NULL,"
	"	count		INTEGER NOT NULL"
	") WITHOUT ROWID;",
	/*
	 * forgotten: one row at most.  before: a day.  Events of the days before it are deleted, or
	 * will be soon; they are not counted any more.
	 */
	"CREATE TABLE forgotten ("
	"	id		INTEGER PRIMARY KEY CHECK (id = 1),"
	"	before		INTEGER NOT NULL"
	");"
	/*
	 * past: a summary of the deleted events of a device in an account.  last: when the last
	 * of them was.  turned, turn: time and id of the last follow or unfollow among them;
	 * follows: 1 if it was a follow.  NULL: there was no such event.
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
	/*
	 * unread: the weights of all good answers (2xx) without a code that could be read.
	 * gateway: since when something else than QT answers there, ms since the epoch; 0: QT does.
	 */
	("ALTER TABLE message ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN gateway INTEGER NOT NULL DEFAULT 0;"),
	/*
	 * message_pending: a drainer looks for messages that were never sent apart from those
	 * that have failed.
	 *
	 * endpoint: fails counts messages that failed for the first time, retries those that
	 * failed again, by rising ids up to top; the row of them began at that time (ms).
	 * probes, probe: with messages that had failed before; fresh_...: with others.
	 *
	 * stopped: an account whose keys QT has refused; since: 0: not often enough in a row for
	 * a stop.  refusals: how often in a row.  The probes are as those of an end point.
	 */
	("DROP INDEX message_pending;"
	"CREATE INDEX message_pending ON message (account, attempts > 0, next) "
	"WHERE state = 'pending';"
	"ALTER TABLE endpoint ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN top INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN began INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN fresh_probes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN fresh_probe INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE stopped ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE stopped ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE stopped ADD COLUMN probe INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE stopped ADD COLUMN fresh_probes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE stopped ADD COLUMN fresh_probe INTEGER NOT NULL DEFAULT 0;"),
	/*
	 * follower: the users of an official account, as WeChat lists and describes them.  Times
	 * are epoch seconds.  device: the device ID that events of the user have.  Of what WeChat
	 * tells, NULL is not known.  tags: a JSON array.  seen_at: when the pull began that has
	 * listed the user last; 0: no pull has.  asked_at: when WeChat was asked about the user; 0:
	 * never; -1: the user has followed since.  gone_at: NULL: the user follows.  followed_at,
	 * unfollowed_at: the last such events that were counted.
	 */
	("CREATE TABLE follower ("
	"	appid		TEXT NOT NULL,"
	"	openid		TEXT NOT NULL,"
	"	device		TEXT NOT NULL,"
	"	unionid		TEXT,"
	"	subscribe_time	INTEGER,"
	"	scene		TEXT,"
	"	qr_scene	INTEGER,"
	"	qr_scene_str	TEXT,"
	"	language	TEXT,"
	"	tags		TEXT,"
	"	remark		TEXT,"
	"	seen_at		INTEGER NOT NULL,"
	"	asked_at	INTEGER NOT NULL,"
	"	gone_at		INTEGER,"
	"	followed_at	INTEGER,"
	"	unfollowed_at	INTEGER,"
	"	PRIMARY KEY (appid, openid)"
	") WITHOUT ROWID;"
	"CREATE INDEX follower_asked ON follower (appid, asked_at, openid) WHERE gone_at IS NULL;"
	"CREATE INDEX follower_device ON follower (device, appid);"
	/*
	 * follower_pull: how far the list of an account's followers is read.  state: 0: nothing
	 * is under way; 1: WeChat's pages, the next one begins behind cursor; 2: rows that no page
	 * had, the next ones are behind cursor; 3: users are asked about.  began: of the pull under
	 * way, or of the last one.
	 * listed, total: openids that its pages had, and WeChat's number of followers.
	 * ended, followers: of the last list that was read to its end.  since: from then on, events
	 * of followers are noted.  pause: nobody is asked before; errcode, fails: why.
	 */
	"CREATE TABLE follower_pull ("
	"	appid		TEXT PRIMARY KEY,"
	"	state		INTEGER NOT NULL DEFAULT 0,"
	"	began		INTEGER NOT NULL DEFAULT 0,"
	"	cursor		TEXT NOT NULL DEFAULT '',"
	"	listed		INTEGER NOT NULL DEFAULT 0,"
	"	total		INTEGER NOT NULL DEFAULT 0,"
	"	ended		INTEGER NOT NULL DEFAULT 0,"
	"	followers	INTEGER NOT NULL DEFAULT 0,"
	"	since		INTEGER NOT NULL DEFAULT 0,"
	"	pause		INTEGER NOT NULL DEFAULT 0,"
	"	errcode		INTEGER NOT NULL DEFAULT 0,"
	"	fails		INTEGER NOT NULL DEFAULT 0"
	") WITHOUT ROWID;"),
	/*
	 * erased: users who are forgotten.  name: 16 bytes of a digest, see collector/erased.h.
	 * device: the one without a name that has their events; NULL: there is no such device yet.
	 * until: events up to this time (epoch seconds) are theirs.
	 *
	 * leaving: messages of such users that QT does not have yet (message.id).  They are deleted
	 * when QT has them.
	 *
	 * departed: users to forget, because they have left.  at: messages up to this id were
	 * looked at; -1: nothing is done yet.  since: when the row was made, ms.  It has no index,
	 * because it is nearly empty, and an index would look like that of another table: see
	 * state/rebuild.c.
	 */
	("CREATE TABLE erased ("
	"	name		BLOB PRIMARY KEY,"
	"	device		INTEGER,"
	"	until		INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE leaving (message INTEGER PRIMARY KEY);"
	"CREATE TABLE departed ("
	"	id		INTEGER PRIMARY KEY,"
	"	at		INTEGER NOT NULL,"
	"	since		INTEGER NOT NULL,"
	"	until		INTEGER NOT NULL,"
	"	appid		TEXT NOT NULL,"
	"	name		TEXT NOT NULL"
	");"),
	/* qrcode: QR codes with a name.  Times are epoch seconds; expires 0: it is permanent. */
	"CREATE TABLE qrcode ("
	"	appid		TEXT NOT NULL,"
	"	name		TEXT NOT NULL,"
	"	scene		TEXT NOT NULL,"
	"	ticket		TEXT NOT NULL,"
	"	url		TEXT NOT NULL,"
	"	made		INTEGER NOT NULL,"
	"	expires		INTEGER NOT NULL,"
	"	PRIMARY KEY (appid, name)"
	") WITHOUT ROWID;",
};

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

static enum error
read_marks(struct db *db, int64_t *application, int64_t *version, int64_t *tables)
{
	enum error	 er;

	er = sqlite_db_number(db, application, "PRAGMA application_id", DB_NO_VALUES);
	if (er == ERR_OK)
		er = sqlite_db_number(db, version, "PRAGMA user_version", DB_NO_VALUES);
	if (er == ERR_OK)
		er = sqlite_db_number(db, tables, "SELECT count(*) FROM sqlite_schema",
		    DB_NO_VALUES);
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
	if (read_marks(db, &application, version, &tables) != ERR_OK)
		return SCHEMA_FAULT;
	if (application != APPLICATION && (application != 0 || *version != 0 || tables != 0))
		return SCHEMA_FOREIGN;
	return *version > VERSION ? SCHEMA_NEWER : SCHEMA_READY;
}

bool
schema_is_broken(struct db *db)
{
	enum { TABLES = 13 };	/* that are named here; `qrcode` is of the last migration */
	int64_t	 application = 0, version = 0, tables = 0, found = 0, newest = 0;

	if (read_marks(db, &application, &version, &tables) != ERR_OK ||
	    sqlite_db_number(db, &found,
	    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('message', "
	    "'endpoint', 'stopped', 'account', 'device', 'event', 'unionid', 'token', 'handed', "
	    "'past', 'follower', 'departed', 'qrcode')", DB_NO_VALUES) != ERR_OK ||
	    sqlite_db_number(db, &newest, "SELECT count(*) FROM sqlite_schema WHERE name = "
	    "'qrcode'", DB_NO_VALUES) != ERR_OK)
		return false;
	if (application != APPLICATION)		/* another program's have none of these */
		return found == TABLES;
	return version < VERSION ? newest != 0 : version == VERSION && found != TABLES;
}

/* Runs in a transaction: if two processes migrate a file, the second one finds it done. */
static enum schema_state
migrate_if_older(struct db *db)
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

	if (read_marks(db, &application, &version, &tables) != ERR_OK)
		return SCHEMA_FAULT;
	if (application == APPLICATION && version == VERSION)
		return SCHEMA_READY;
	/* SQLite sets these in an empty file only.  Pages are small: each message changes a few. */
	if (tables == 0 && version == 0)
		(void)db_script(db, "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL");
	if (db_script(db, "BEGIN IMMEDIATE") != ERR_OK)
		return SCHEMA_FAULT;
	is = migrate_if_older(db);
	if (is == SCHEMA_READY && db_script(db, "COMMIT") == ERR_OK)
		return SCHEMA_READY;
	(void)db_script(db, "ROLLBACK");
	return is == SCHEMA_READY ? SCHEMA_FAULT : is;
}
