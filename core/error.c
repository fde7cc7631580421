#include <string.h>

#include "core/error.h"

/*
 * Every forged request is answered with the same 403, so that its sender does not learn which
 * check failed.  The log says which.
 */
const struct error_info error_table[ERR__MAX] = {
	[ERR_OK]		= { "ok", 200, 0, LEVEL_INFO, "" },
	[ERR_NOMEM]	= { "out of memory", 503, 0, LEVEL_ERROR,
	    "raise the memory limit or lower settings.threads" },
	[ERR_CONF]	= { "configuration unusable", 503, 0, LEVEL_ERROR, "run: qtoa check" },
	[ERR_REQUEST]	= { "malformed request", 400, 0, LEVEL_NOTICE, "" },
	[ERR_PATH]	= { "no such account", 404, 0, LEVEL_NOTICE,
	    "compare the URL in WeChat's console with .path in config.h" },
	[ERR_METHOD]	= { "method not allowed", 405, 0, LEVEL_NOTICE, "" },
	[ERR_TOOBIG]	= { "body too large", 413, 0, LEVEL_NOTICE, "see settings.body_max" },
	[ERR_LATE]	= { "deadline passed", 503, 0, LEVEL_WARNING,
	    "find out why the web server hands over the body slowly" },
	[ERR_PARAM]	= { "parameter missing, empty or repeated", 403, -40001, LEVEL_NOTICE, "" },
	[ERR_SIGNATURE]	= { "signature mismatch", 403, -40001, LEVEL_NOTICE,
	    "if WeChat sent it: .token differs from the console's Token" },
	[ERR_STALE]	= { "timestamp not fresh", 403, -40001, LEVEL_NOTICE,
	    "check this host's clock; see settings.fresh_s" },
	[ERR_XML]	= { "no <Encrypt> in the body", 403, -40002, LEVEL_NOTICE,
	    "if WeChat sent it: set .mode as in its console, and the data format there to XML" },
	[ERR_AESKEY]	= { "illegal EncodingAESKey", 403, -40004, LEVEL_ERROR,
	    "copy EncodingAESKey (43 characters) from WeChat's console" },
	[ERR_BASE64]	= { "Encrypt is no base64", 403, -40010, LEVEL_NOTICE, "" },
	[ERR_AES]	= { "decryption failed", 403, -40007, LEVEL_NOTICE,
	    "if WeChat sent it: .aes_key differs from the console's EncodingAESKey" },
	[ERR_BUFFER]	= { "illegal length in the decrypted message", 403, -40008, LEVEL_NOTICE,
	    "if WeChat sent it: .aes_key differs from the console's EncodingAESKey" },
	[ERR_APPID]	= { "message for another AppID", 403, -40005, LEVEL_NOTICE,
	    "if WeChat sent it: .appid differs from the console's AppID, or it is a third-party "
	    "platform's" },
	[ERR_REPLAY]	= { "replay of an old push", 200, 0, LEVEL_NOTICE,
	    "somebody has recorded a push of WeChat's and sends it again; it was not forwarded" },
	[ERR_FORWARD]	= { "not confirmed by QT", 200, 0, LEVEL_WARNING, "" },
	[ERR_REFUSED]	= { "refused by QT", 200, 0, LEVEL_ERROR,
	    "qtoa queue show ID prints its body and QT's code (QT, 3.4)" },
	[ERR_STORE]	= { "not stored", 503, 0, LEVEL_ERROR,
	    "check settings.state_dir: owner, permissions, free space" },
	[ERR_ADDRESS]	= { "address not allowed", 403, 0, LEVEL_NOTICE,
	    "if it may see this: add it to settings.report_allow or metrics_allow" },
	[ERR_HOST]	= { "host not allowed", 403, 0, LEVEL_NOTICE,
	    "if this host is yours: add it to settings.report_hosts" },
	[ERR_BUSY]	= { "too many at once", 503, 0, LEVEL_NOTICE, "" },
	[ERR_KEY]	= { "control key missing or wrong", 403, 0, LEVEL_NOTICE,
	    "if QT sent it: compare the address in its console with .control_key" },
	[ERR_OFTEN]	= { "asked too often", 429, 0, LEVEL_NOTICE,
	    "see settings.control_per_minute" },
	[ERR_TOKEN]	= { "no access_token", 503, 0, LEVEL_WARNING,
	    "once that is fixed, run: qtoa token ACCOUNT --refresh" },
	[ERR_SERVED]	= { "state_dir is within what is served", 503, 0, LEVEL_ERROR,
	    "visitors could fetch it: move settings.state_dir out of the document root" },
	[ERR_LIBCURL]	= { "libcurl cannot be used", 503, 0, LEVEL_ERROR,
	    "qtoa needs libcurl 7.68.0 or later with HTTPS; after an update start qtoa again" },
	[ERR_PEER]	= { "not from WeChat's addresses", 403, 0, LEVEL_NOTICE,
	    "if a proxy passed it on: see settings.trusted_proxies; else somebody else knows the "
	    "Token: change it in WeChat's console and in config.h" },
	[ERR_ANSWER]	= { "no answer yet", 503, 0, LEVEL_INFO,
	    "WeChat sends the message again; the relay is not called again" },
};

const char *const error_level_names[LEVEL__MAX] = {
	[LEVEL_DEBUG] = "debug", [LEVEL_INFO] = "info", [LEVEL_NOTICE] = "notice",
	[LEVEL_WARNING] = "warning", [LEVEL_ERROR] = "error",
};

bool
error_level(enum log_level *level, const char *name)
{
	enum log_level	 l;

	for (l = 0; l < LEVEL__MAX; l++)
		if (strcmp(name, error_level_names[l]) == 0) {
			*level = l;
			return true;
		}
	return false;
}
