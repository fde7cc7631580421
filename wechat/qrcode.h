/*
 * qrcode.h: QR codes with a scene (WeChat, "Generating Parametric QR Code"): what WeChat is asked
 * for one, what it answers, and the codes that the store knows by a name (table qrcode, see
 * state/sqlite/schema.c).
 *
 * A follow through such a code comes with the EventKey "qrscene_SCENE", a scan by a follower with
 * "SCENE".  An account can have 100,000 permanent codes; a temporary one is valid for 30 days at
 * most.
 */
#ifndef WECHAT_QRCODE_H
#define WECHAT_QRCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db.h"

#define QRCODE_PATH	"/cgi-bin/qrcode/create"

enum {
	QRCODE_SCENE	= 64,	/* characters of a scene, and of a name, at most */
	QRCODE_DAYS	= 30	/* that a temporary code is valid, at most */
};

/* True: 1 to 64 printable characters of UTF-8. */
bool		qrcode_is_scene(struct slice text);

/* Appends the body of the request.  days 0: a permanent code.  ERR_NOMEM. */
enum error	qrcode_body(struct buf *out, struct slice scene, int days);

/* All zero is a good start; qrcode_free() frees what it owns. */
struct qrcode {
	struct buf	 scene;
	struct buf	 ticket;	/* names the picture at WeChat */
	struct buf	 url;		/* what the picture says */
	int64_t		 made_s;	/* epoch seconds */
	int64_t		 expires_s;	/* 0: it is permanent */
};

void		qrcode_free(struct qrcode *q);

/*
 * Reads WeChat's answer of the time now_s: ticket, url, and when it expires.  False: it has no
 * ticket or url.
 */
bool		qrcode_read(struct qrcode *q, struct slice answer, int64_t now_s, bool temporary);

/* Appends the address of the picture.  ERR_NOMEM. */
enum error	qrcode_link(struct buf *out, struct slice ticket);

/*
 * For store_work.  qrcode_find(): *there: the account has a code of that name.  qrcode_owner():
 * appends the name of another code with that scene.  qrcode_put() replaces one of the same name.
 */
enum error	qrcode_find(struct db *db, struct qrcode *q, bool *there, const char *appid,
		    struct slice name);
enum error	qrcode_owner(struct db *db, struct buf *owner, const char *appid,
		    struct slice name, struct slice scene);
enum error	qrcode_put(struct db *db, const struct qrcode *q, const char *appid,
		    struct slice name);

#endif
