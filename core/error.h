/*
 * error.h: every way a request can end, and what each means.
 *
 * Functions return enum error, zero is good.  error_table[] gives each kind its name in
 * the log, its HTTP status (200: WeChat hears `success`), WeChat's own number for it where there is one, its log
 * level and what the operator can do about it.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

enum error {
	ERR_OK,		/* done, WeChat hears `success` */
	ERR_NOMEM,	/* out of memory */
	ERR_CONF,	/* the configuration is unusable */
	ERR_REQUEST,	/* not a request we can read: lengths, encoding, cut short */
	ERR_PATH,	/* the URL names no account */
	ERR_METHOD,	/* method not allowed here */
	ERR_TOOBIG,	/* body over body_max */
	ERR_LATE,	/* the time for this request is used up */
	ERR_PARAM,	/* a parameter of WeChat's missing, empty or given twice */
	ERR_SIGNATURE,	/* signature or msg_signature wrong */
	ERR_STALE,	/* timestamp outside fresh_s */
	ERR_XML,	/* no usable <Encrypt> in the body */
	ERR_AESKEY,	/* EncodingAESKey is no key */
	ERR_BASE64,	/* <Encrypt> is no base64 */
	ERR_AES,	/* ciphertext length or padding wrong */
	ERR_BUFFER,	/* length field inside the message wrong */
	ERR_APPID,	/* message is for another account */
	ERR_CRYPTO,	/* the crypto library itself failed */
	ERR_FORWARD,	/* QT did not confirm; our disk has it */
	ERR_REFUSED,	/* QT refused it for good; our disk has it */
	ERR_STORE,	/* our disk did not take it */
	ERR_ADDRESS,	/* the client's address may not see this */
	ERR_BUSY,	/* as many do this already as may */
	ERR_KEY,	/* the client does not have the control_key */
	ERR_OFTEN,	/* the client has had as many access_tokens as it may */
	ERR_TOKEN,	/* WeChat gives no access_token */
	ERR_SERVED,	/* our state lies where the web server's visitors can fetch it */
	ERR__MAX
};

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_NOTICE, LEVEL_WARNING, LEVEL_ERROR, LEVEL__MAX };

struct error_info {
	const char	*name;		/* as the log calls it */
	int		 status;	/* HTTP */
	int		 wechat;	/* WXBizMsgCrypt's number, 0 if it has none */
	enum log_level	 level;
	const char	*hint;		/* what to do; "" where nothing needs doing */
};

extern const struct error_info error_table[ERR__MAX];

/* Levels by name, "debug" and so on; false: there is no such level. */
extern const char *const error_level_names[LEVEL__MAX];
bool	error_level(enum log_level *level, const char *name);

#endif
