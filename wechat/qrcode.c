#include "core/json.h"
#include "core/json_write.h"
#include "core/query.h"
#include "core/utf8.h"
#include "wechat/errcode.h"
#include "wechat/qrcode.h"

enum { DAY_S = 86400 };

bool
qrcode_is_scene(struct slice text)
{
	const char	*p = text.p, *end = text.p + text.len;
	int		 n = 0;

	while (text.len != 0 && p != end && n <= QRCODE_SCENE) {
		if (!utf8_skip_printable(&p, end))
			return false;
		n++;
	}
	return n > 0 && n <= QRCODE_SCENE;
}

enum error
qrcode_body(struct buf *out, struct slice scene, int days)
{
	enum error	 er = buf_putc(out, '{');

	if (er == ERR_OK && days != 0)
		er = buf_printf(out, "\"expire_seconds\":%d,", days * DAY_S);
	if (er == ERR_OK)
		er = buf_printf(out, "\"action_name\":\"%s\",\"action_info\":{\"scene\":{"
		    "\"scene_str\":", days != 0 ? "QR_STR_SCENE" : "QR_LIMIT_STR_SCENE");
	if (er == ERR_OK)
		er = json_write_value(out, scene);
	return er == ERR_OK ? buf_puts(out, "}}}") : er;
}

void
qrcode_free(struct qrcode *q)
{
	buf_free(&q->scene);
	buf_free(&q->ticket);
	buf_free(&q->url);
}

bool
qrcode_read(struct qrcode *q, struct slice answer, int64_t now_s, bool temporary)
{
	struct json	*j = json_parse_any(answer);
	char		 why[JSON_WHY];
	bool		 good;

	buf_reset(&q->ticket);
	buf_reset(&q->url);
	q->made_s = now_s;
	q->expires_s = 0;
	good = j != NULL &&
	    json_path(j, &q->ticket, slice_of("$.ticket"), why) == JSON_FOUND &&
	    json_path(j, &q->url, slice_of("$.url"), why) == JSON_FOUND &&
	    q->ticket.len != 0 && q->url.len != 0;
	if (good && temporary)
		q->expires_s = now_s + errcode_integer(j, "$.expire_seconds");
	json_free(j);
	return good;
}

enum error
qrcode_link(struct buf *out, struct slice ticket)
{
	const enum error	 er = buf_puts(out,
	    "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=");

	return er == ERR_OK ? query_encode(out, ticket) : er;
}

/* Replaces the content of a buf. */
static enum error
copy_column(struct buf *b, struct slice s)
{
	buf_reset(b);
	return buf_put(b, s.p, s.len);
}

enum error
qrcode_find(struct db *db, struct qrcode *q, bool *there, const char *appid, struct slice name)
{
	struct db_rows	 rows;
	enum error	 er;

	*there = false;
	er = db_start(db, &rows, SQL_QRCODE_FIND, DB_VALUES(db_s(appid), db_text(name)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		*there = true;
		q->made_s = db_col_bounded(&rows, 3);
		q->expires_s = db_col_bounded(&rows, 4);
		if ((er = copy_column(&q->scene, db_col(&rows, 0))) == ERR_OK &&
		    (er = copy_column(&q->ticket, db_col(&rows, 1))) == ERR_OK)
			er = copy_column(&q->url, db_col(&rows, 2));
	}
	db_end(&rows);
	return er;
}

enum error
qrcode_owner(struct db *db, struct buf *owner, const char *appid, struct slice name,
    struct slice scene)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_QRCODE_OWNER, DB_VALUES(db_s(appid), db_text(scene),
	    db_text(name)));
	if (er == ERR_OK && db_next(&rows, &er))
		er = buf_put(owner, db_col(&rows, 0).p, db_col(&rows, 0).len);
	db_end(&rows);
	return er;
}

enum error
qrcode_put(struct db *db, const struct qrcode *q, const char *appid, struct slice name)
{
	return db_run(db, NULL, SQL_QRCODE_PUT, DB_VALUES(db_s(appid), db_text(name),
	    db_text(buf_slice(&q->scene)), db_text(buf_slice(&q->ticket)),
	    db_text(buf_slice(&q->url)), db_i(q->made_s), db_i(q->expires_s)));
}
