/*
 * config.h: your accounts and limits.  Edit this file and run `make`, or keep your own
 * elsewhere and run `make CONFIG=/path/to/my.h`.
 *
 * Any string may be given in three ways:
 *	"value"		as it is, compiled in
 *	"@/etc/qtoa/k"	read from that file when the program starts
 *	"$NAME"		read from the environment when the program starts
 * so neither secrets nor what differs from host to host need to be in here.  A name
 * that a client can set through CGI (HTTP_..., QUERY_STRING, ...) is refused.  A value
 * that really begins with @ or $ goes into a file; a JSONPath ($. or $[) may stay.
 *
 * `make` refuses what it can see is wrong; `qtoa check` tells the rest.
 */

static const struct account accounts[] = {
	{
		/* Last part of the URL that WeChat calls: .../qtoa/demo */
		.path		= "demo",

		/* As the log calls it. Default: the path. */
		.name		= "demo",

		/* WeChat's console, "Basic configuration": AppID, Token. */
		.appid		= "wx0123456789abcdef",
		.token		= "qtoaDemoToken",

		/*
		 * How the console sends messages: SAFE, COMPATIBLE or PLAIN. In PLAIN
		 * WeChat does not sign the body: anyone who sees one URL can forge.
		 */
		.mode		= SAFE,

		/*
		 * EncodingAESKey, 43 characters; and the one before, as long as WeChat
		 * may still use it (NULL: none). Not needed in PLAIN.
		 */
		.aes_key	= "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		.aes_key_old	= NULL,

		/*
		 * Quick Tracking, "Server tracking": whole URL, application key,
		 * ServiceID, ServiceSecret. Here: the collector of this very program,
		 * as lighttpd-example.conf runs it.
		 */
		.qt_url		= "http://127.0.0.1:8080/server/thirdPartyDataSource",
		.qt_url_standby	= NULL,	/* tried when that has no connection */
		.app_key	= "demoAppKey",
		.service_id	= "demoServiceId",
		.service_secret	= "demoServiceSecret",

		/*
		 * As whom the collector counts a user, as QT's console is set: OPENID,
		 * or UNIONID, one name in all accounts of an open platform. For that
		 * WeChat is asked, with the access_token that the control server gives
		 * (or, without one, with that which .secret below is good for);
		 * where in its answer, says a JSONPath. The address may hold a key of
		 * yours: then give it as "@FILE".
		 */
		.identity	= OPENID,		/* default */
		.control_url	= NULL,			/* needed with UNIONID */
		.control_token_path = "$.access_token",	/* default */

		/*
		 * AppSecret of WeChat's console: then we ask WeChat for the account's
		 * access_token ourselves. Best "@FILE".
		 */
		.secret		= NULL,

		/*
		 * With both, we are an access_token control server, for QT's console and
		 * whoever else: .../demo/access_token. Who knows the key, 16 characters
		 * or more, gets the token; from these addresses and networks only, if
		 * any are given.
		 */
		.control_key	= NULL,			/* NULL: there is no such server */
		.control_allow	= NULL,			/* "192.0.2.7, 2001:db8::/32" */
	},
};

static const struct settings settings = {
	/* Where we keep what must survive. Ours alone: mode 0700. */
	.state_dir	= "/var/lib/qtoa",	/* the default */

	/* Workers at most in one FastCGI process; they start as they are needed. */
	.threads	= 64,			/* 1 to 1024, default 64 */

	/* WeChat waits 5 s. All of a request must be over by then ... */
	.deadline_ms	= 4000,			/* ms, up to 5000, default 4000 */

	/* ... QT has this much of it ... */
	.forward_ms	= 2500,			/* ms, default 2500 */

	/* ... and the connection to QT this much of that. */
	.connect_ms	= 1000,			/* ms, default 1000 */

	/* The web server may be silent this long within a request. */
	.io_ms		= 2000,			/* ms, default 2000 */

	/* A larger body is answered 413. WeChat's are a few KiB. */
	.body_max	= 64 * 1024,		/* bytes, default 64 KiB */

	/*
	 * What QT has not confirmed waits on disk. After so many failures in a row
	 * requests go there at once, until QT is back; then so many are sent at once.
	 */
	.breaker_fails	= 5,			/* default 5 */
	.drain_parallel	= 8,			/* 1 to 64, default 8 */

	/*
	 * A message is known again, and not forwarded twice, for so long. Its body is
	 * dropped when QT has it, or so many days after it came.
	 */
	.dedupe_days	= 7,			/* days, default 7 */
	.keep_days	= 0,			/* days, default 0 = at once */

	/* A timestamp further than this from our clock is refused. */
	.fresh_s	= 600,			/* seconds, default 0 = any age */

	/* CA certificates for HTTPS, PEM. NULL: the system's bundle. */
	.ca_file	= NULL,

	/* WeChat's API, for accounts with .secret or that count users by UNIONID. */
	.wechat_api	= "https://api.weixin.qq.com",	/* default */

	/*
	 * 1: fetch access_tokens the old way (/cgi-bin/token, each new one ends the one
	 * before) instead of by stable_token. How many of them one address may have.
	 */
	.legacy_token	= 0,			/* default */
	.control_per_minute = 60,		/* default */

	/* Where log lines go: "stderr" (the default), "syslog", or a file. */
	.log		= "stderr",

	/*
	 * Which: from "debug", "info", "notice", "warning", "error" on. With "notice" no
	 * line of a message that went well. Users stand in them hashed, or with 1 as they
	 * are. Of one failure so many lines a minute; what is more is summed up in one.
	 */
	.log_level	= "info",		/* default */
	.log_users	= 0,			/* default */
	.log_flood	= 10,			/* lines a minute, default 10 */

	/*
	 * Where QT's event table leaves a choice, how events are translated: the values
	 * of is_scan, the key of an article's address in $$_publish_job_finish, and
	 * whether a list (templates of a subscription, articles) gives one event with
	 * its values joined by commas (0) or one event an item (1).
	 */
	.is_scan_yes	= "true",		/* default */
	.is_scan_no	= "false",		/* default */
	.article_url	= "article_URL",	/* default, as QT prints it */
	.one_per_item	= 0,			/* default */

	/* 1: answer POST /server/thirdPartyDataSource as QT would, and keep it. */
	.collector	= 1,			/* default 0 */

	/*
	 * 1: also from clients that send no appkey. 1: refuse an event without its user
	 * or without an event code of QT's, instead of counting what can be counted.
	 */
	.collector_appkey_optional = 0,		/* default */
	.collector_strict = 0,			/* default */

	/*
	 * An event that was counted is forgotten after so many days, and one that comes later
	 * than that is not counted: it must be more than messages may wait in a queue.
	 */
	.collect_days	= 0,			/* days, default 0 = never */

	/*
	 * Addresses and networks that may see .../-/report. Where a proxy on this host
	 * stands before the web server, everybody comes from 127.0.0.1: let it ask for a
	 * password then.
	 */
	.report_allow	= "127.0.0.1, ::1",	/* default NULL: nobody */

	/*
	 * Those that may see .../-/metrics and .../-/health, which say nothing of users. A
	 * message that has waited longer for QT than late_s is trouble to the latter.
	 */
	.metrics_allow	= NULL,			/* default NULL: as report_allow */
	.late_s		= 600,			/* seconds, default 600 */
};
