/*
 * error.h: the ways in which a request can end, and what each means.
 *
 * Functions return enum error; 0 is good.  error_table[] has each error's name in the log, its
 * HTTP status (200: WeChat is told `success`), WeChat's number for it, its log level, and what the
 * operator can do.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

enum error {
	ERR_OK,		/* done; WeChat is told `success` */
	ERR_NOMEM,	/* out of memory */
	ERR_CONF,	/* the configuration is unusable */
	ERR_REQUEST,	/* the request cannot be read: lengths, encoding, cut short */
	ERR_PATH,	/* the URL names no account */
	ERR_METHOD,	/* the method (GET, POST) is not allowed for this URL */
	ERR_TOOBIG,	/* the body is longer than body_max */
	ERR_LATE,	/* the time for this request is used up */
	ERR_PARAM,	/* a parameter of WeChat's is missing, empty or there twice */
	ERR_SIGNATURE,	/* signature or msg_signature is wrong */
	ERR_STALE,	/* timestamp is more than fresh_s away from our clock */
	ERR_XML,	/* no usable <Encrypt> in the body */
	ERR_AESKEY,	/* EncodingAESKey is not a key */
	ERR_BASE64,	/* <Encrypt> is not base64 */
	ERR_AES,	/* length or padding of the ciphertext is wrong */
	ERR_BUFFER,	/* the length within the decrypted message is wrong */
	ERR_APPID,	/* the message is for another account */
	ERR_REPLAY,	/* an old push that somebody has recorded and sends again */
	ERR_FORWARD,	/* QT did not confirm the message; our disk has it */
	ERR_REFUSED,	/* QT refused the message for good; our disk has it */
	ERR_STORE,	/* our disk did not take the message */
	ERR_ADDRESS,	/* the client's address may not see this */
	ERR_HOST,	/* the URL's host is not one of ours */
	ERR_BUSY,	/* too many requests of this kind at once */
	ERR_KEY,	/* the client does not have the control_key */
	ERR_OFTEN,	/* the client got all access_tokens that it may have */
	ERR_TOKEN,	/* WeChat gives no access_token */
	ERR_SERVED,	/* visitors of the web server can fetch our state_dir */
	ERR_LIBCURL,	/* the host's libcurl cannot send to QT, whatever QT does */
	ERR_PEER,	/* the push does not come from one of WeChat's addresses */
	ERR_ANSWER,	/* a relay has not answered yet: WeChat asks again */
	ERR__MAX
};

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_NOTICE, LEVEL_WARNING, LEVEL_ERROR, LEVEL__MAX };

struct error_info {
	const char	*name;		/* error= in the log */
	int		 status;	/* of HTTP */
	int		 wechat;	/* number of WXBizMsgCrypt; 0: it has no number */
	enum log_level	 level;
	const char	*hint;		/* what the operator can do; "": nothing */
};

extern const struct error_info error_table[ERR__MAX];

/* The levels' names: "debug", "info" and so on. */
extern const char *const error_level_names[LEVEL__MAX];

/* The level that has this name.  False: there is no such level. */
bool	error_level(enum log_level *level, const char *name);

#endif
