/*
 * passive.h: passive replies, which are the messages that a user gets because they are the body of
 * our answer to a push (WeChat, "Passive user reply message").
 *
 *	passive_write()	writes one as XML
 *	passive_judge()	reads what another program answered: may WeChat have it?
 *	passive_pack()	encrypts it, if the account's mode says so
 *
 * If WeChat gets an answer that is not a good reply, `success` or empty, it tells the user that the
 * account is out of service.
 */
#ifndef PASSIVE_H
#define PASSIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "crypto.h"

enum passive_type {
	PASSIVE_TEXT, PASSIVE_IMAGE, PASSIVE_VOICE, PASSIVE_VIDEO, PASSIVE_MUSIC,
	PASSIVE_NEWS,		/* one article: WeChat shows no more */
	PASSIVE_TRANSFER,	/* the conversation goes to the customer service */
	PASSIVE__MAX
};

/* Their MsgTypes: "text", ..., "transfer_customer_service". */
extern const char *const passive_types[PASSIVE__MAX];

/* The parts of a reply. */
enum passive_field {
	PASSIVE_CONTENT, PASSIVE_MEDIA_ID, PASSIVE_TITLE, PASSIVE_DESCRIPTION, PASSIVE_MUSIC_URL,
	PASSIVE_HQ_MUSIC_URL, PASSIVE_THUMB_MEDIA_ID, PASSIVE_PIC_URL, PASSIVE_URL,
	PASSIVE_KF_ACCOUNT, PASSIVE_FIELD__MAX
};

/* Their elements: "Content", "MediaId", ... */
extern const char *const passive_fields[PASSIVE_FIELD__MAX];

enum { PASSIVE_CONTENT_MAX = 2048 };	/* bytes of a text that WeChat is known to take */

/* A reply.  A field that it does not have is absent. */
struct passive {
	enum passive_type	 type;
	struct slice		 v[PASSIVE_FIELD__MAX];
};

/* True: replies of this type have this field. */
bool		 passive_has(enum passive_type type, enum passive_field field);

/* A field that WeChat demands and p does not have, or has empty; PASSIVE_FIELD__MAX: p is whole. */
enum passive_field passive_lacks(const struct passive *p);

/*
 * Appends p, which is whole, as XML from an account (the ToUserName of the push) to a user.
 * Characters that XML forbids are left out, bytes that are not UTF-8 become U+FFFD, and `]]>` is
 * split.  A Content ends before its character that would exceed PASSIVE_CONTENT_MAX.  ERR_NOMEM.
 */
enum error	 passive_write(struct buf *out, const struct passive *p, struct slice user,
		    struct slice account, int64_t now_s);

/* Kinds of bodies that another program answers with. */
enum passive_body {
	PASSIVE_EMPTY,		/* nothing but blanks */
	PASSIVE_SUCCESS,	/* `success` */
	PASSIVE_PLAIN,		/* a good reply */
	PASSIVE_SEALED,		/* a good reply, encrypted */
	PASSIVE_BAD		/* WeChat must not have it */
};

/* A thread can use one struct for many bodies.  All zero is a good start. */
struct passive_judged {
	enum passive_body	 is;
	enum passive_type	 type;	/* of a reply */
	struct slice		 body;	/* without a byte order mark and the blanks around it */
	struct slice		 xml;	/* the reply, decrypted; absent: it is no reply */
	const char		*why;	/* of PASSIVE_BAD, in a few words, static; else "" */
	struct buf		 opened, work, clean;	/* private */
};

/*
 * Judges the body of an answer.  A reply is good if it is well-formed, is for this user, has a
 * sender, a CreateTime, a known MsgType and what that type demands, and is encrypted with the
 * account's token and key or not at all.  j->body and j->xml point into body and j.  ERR_NOMEM: j
 * says PASSIVE_BAD.
 */
enum error	 passive_judge(struct passive_judged *j, struct crypto *c,
		    const struct account *a, struct slice user, struct slice body);
void		 passive_judged_free(struct passive_judged *j);

/*
 * Appends what WeChat gets: the reply xml as it is in plain mode, else encrypted as
 * crypto_seal_reply() does it, with the same errors.  After an error nothing is appended.
 */
enum error	 passive_pack(struct buf *out, struct crypto *c, const struct account *a,
		    struct slice xml, int64_t now_s);

#endif
