/*
 * error.h: every way a request can end, and what each means.
 *
 * Functions return enum qt_err, zero is good.  errs[] gives each kind its name in
 * the log, its HTTP status (200: WeChat hears `success`), WeChat's own number for it where there is one, its log
 * level and what the operator can do about it.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

enum qt_err {
	QT_OK,		/* done, WeChat hears `success` */
	QT_ENOMEM,	/* out of memory */
	QT_ECONF,	/* the configuration is unusable */
	QT_EREQUEST,	/* not a request we can read: lengths, encoding, cut short */
	QT_EPATH,	/* the URL names no account */
	QT_EMETHOD,	/* method not allowed here */
	QT_ETOOBIG,	/* body over body_max */
	QT_ELATE,	/* the time for this request is used up */
	QT_EPARAM,	/* a parameter of WeChat's missing, empty or given twice */
	QT_ESIGNATURE,	/* signature or msg_signature wrong */
	QT_ESTALE,	/* timestamp outside fresh_s */
	QT_EXML,	/* no usable <Encrypt> in the body */
	QT_EAESKEY,	/* EncodingAESKey is no key */
	QT_EBASE64,	/* <Encrypt> is no base64 */
	QT_EAES,	/* ciphertext length or padding wrong */
	QT_EBUFFER,	/* length field inside the message wrong */
	QT_EAPPID,	/* message is for another account */
	QT_ECRYPTO,	/* the crypto library itself failed */
	QT_EFORWARD,	/* QT did not confirm; our disk has it */
	QT_EREFUSED,	/* QT refused it for good; our disk has it */
	QT_ESTORE,	/* our disk did not take it */
	QT_EADDRESS,	/* the client's address may not see this */
	QT_EBUSY,	/* as many do this already as may */
	QT_EKEY,	/* the client does not have the control_key */
	QT_EOFTEN,	/* the client has had as many access_tokens as it may */
	QT_ETOKEN,	/* WeChat gives no access_token */
	QT_ESERVED,	/* our state lies where the web server's visitors can fetch it */
	QT__MAX
};

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_NOTICE, LEVEL_WARNING, LEVEL_ERROR, LEVEL__MAX };

struct err_info {
	const char	*name;		/* as the log calls it */
	int		 status;	/* HTTP */
	int		 wechat;	/* WXBizMsgCrypt's number, 0 if it has none */
	enum log_level	 level;
	const char	*hint;		/* what to do; "" where nothing needs doing */
};

extern const struct err_info errs[QT__MAX];

/* Levels by name, "debug" and so on; false: there is no such level. */
extern const char *const level_names[LEVEL__MAX];
bool	err_level(enum log_level *level, const char *name);

#endif
