/*
 * config.h: your accounts and settings.  Edit this file and run `make`, or keep a file of your
 * own elsewhere and run `make CONFIG=/path/to/my.h`.
 *
 * You can give every string in three ways:
 *	"value"		the value itself; it is compiled in
 *	"@/etc/qtoa/k"	the program reads it from that file when it starts
 *	"$NAME"		the program reads it from the environment when it starts
 *
 * Byte order marks, blanks and line ends around such a value are not part of it. Save the files,
 * and this one, as UTF-8.
 *
 * So this file needs no secrets, and nothing that differs from host to host.  Names that a client
 * can set through CGI (HTTP_..., QUERY_STRING, ...) are refused.  If a value itself begins with @
 * or $, put it into a file; a JSONPath ($. or $[) can stay here.
 *
 * `make` finds what is wrong with the values themselves; `qtoa check` finds the rest.
 */

static const struct account accounts[] = {
	{
		/*
		 * With "QTOA_" the variable QTOA_TOKEN, if it is set and not empty, gives .token,
		 * QTOA_MODE gives .mode, and so on, whatever stands here. If none of them is set,
		 * the account does not exist. examples/config-env.h has no other values.
		 */
		.environment	= NULL,			/* default */

		/* The last part of the URL that WeChat calls: .../qtoa/demo */
		.path		= "demo",

		/* The account's name in the log. Default: the path. */
		.name		= "demo",

		/*
		 * From WeChat's console, "Basic configuration": AppID and Token. After you
		 * change the Token in the console, WeChat may use the old one for a while:
		 * give it as well, else NULL.
		 */
		.appid		= "wx0123456789abcdef",
		.token		= "qtoaDemoToken",
		.token_old	= NULL,

		/*
		 * The encryption that is set in the console: SAFE, COMPATIBLE or PLAIN. In
		 * PLAIN WeChat does not sign the body: a person who has seen one URL can
		 * send false messages, and old ones again.
		 */
		.mode		= SAFE,

		/*
		 * EncodingAESKey, 43 characters, not needed in PLAIN. After you change it in
		 * the console, WeChat may use the old one for a while: give it as well, else
		 * NULL.
		 */
		.aes_key	= "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		.aes_key_old	= NULL,

		/*
		 * From Quick Tracking (QT), "Server tracking": the whole URL, application
		 * key, ServiceID, ServiceSecret. The URL here is the collector of this
		 * program, as each example of a web server runs it. With the block redirect
		 * of an example it is https://HOST/server/thirdPartyDataSource.
		 */
		.qt_url		= "http://127.0.0.1/server/thirdPartyDataSource",
		.qt_url_standby	= NULL,	/* used when qt_url cannot be reached */
		.app_key	= "demoAppKey",
		.service_id	= "demoServiceId",
		.service_secret	= "demoServiceSecret",

		/*
		 * The name under which the collector counts a user; set it as in QT's
		 * console. OPENID is the user's name in this account. UNIONID is the same in
		 * all accounts of an open platform, and WeChat must be asked for it; a user
		 * without a unionid, who does not follow, counts by openid. To ask WeChat
		 * needs an access_token: from the control server at control_url, whose
		 * answer has it where the JSONPath says; or, without control_url, with
		 * .secret below. If control_url has a key in it, give it as "@FILE".
		 */
		.identity	= OPENID,		/* default */
		.control_url	= NULL,			/* for UNIONID */
		.control_token_path = "$.access_token",	/* default */

		/*
		 * AppSecret, from WeChat's console. With it this program gets the account's
		 * access_token from WeChat. Best given as "@FILE".
		 */
		.secret		= NULL,

		/*
		 * With .secret and .control_key this program is an access_token control
		 * server, for QT's console and others, at .../demo/access_token. It gives
		 * the token to all who send the key, which has 16 characters or more. If
		 * .control_allow is given, only these addresses and networks get it.
		 */
		.control_key	= NULL,			/* NULL: there is no such server */
		.control_allow	= NULL,			/* "192.0.2.7, 2001:db8::/32" */

		/*
		 * A file with the automatic replies, which WeChat's console does not send
		 * while the account has a server. `qtoa reply import` makes it from the
		 * console's; run that before the server is switched on.
		 */
		.replies	= NULL,			/* "/etc/qtoa/demo-replies.json" */

		/*
		 * Other back ends that get the messages, up to eight, each in braces of its own:
		 * the server that had WeChat's URL before, a CRM, a bot. Each has a queue of its
		 * own; one that is down delays nobody. doc/relays.md tells more.
		 *
		 * .url is the whole URL; http:// is for this host and private networks. .format
		 * is RAW (default: query and body as WeChat sent them), RESIGNED (with a new
		 * signature, in the relay's .mode), or JSON (the event, as a webhook, signed
		 * with .secret). .only names the messages that it gets: MsgTypes and Events, with
		 * a pattern of the EventKey behind a colon. One call may take .relay_ms. .name is
		 * its name in the log and the queue; default: the host in the URL.
		 *
		 * With .answers = 1 users get what the relay answers; one of them can. A bot that
		 * needs more than deadline_ms has up to .relay_ms = 14500: WeChat asks three times.
		 * With .late_reply = 1 and .secret of the account, a later answer goes to the user
		 * as a customer-service message.
		 *
		 *	.relays = {
		 *		{ .url = "https://crm.example.com/wx", .name = "crm", .answers = 1 },
		 *		{ .url = "http://127.0.0.1:9000/hook", .format = JSON,
		 *		  .secret = "@/etc/qtoa/hook", .only = "CLICK:crm_* text" },
		 *	},
		 */
	},
};

static const struct settings settings = {
	/*
	 * With "QTOA_" the variable QTOA_THREADS, if it is set and not empty, gives .threads, and so
	 * on, whatever stands here.
	 */
	.environment	= NULL,			/* default NULL: no variables */

	/* The directory for all files of the program. Only it may read them: mode 0700. */
	.state_dir	= "/var/lib/qtoa",	/* the default */

	/* Most workers in one FastCGI process. They start when they are needed. */
	.threads	= 64,			/* 1 to 1024, default 64 */

	/* WeChat waits 5 s for the answer to a push. A request takes this long at most ... */
	.deadline_ms	= 4000,			/* ms, up to 5000, default 4000 */

	/* ... QT may take this much of that time ... */
	.forward_ms	= 2500,			/* ms, default 2500 */

	/* ... and connecting to QT this much of QT's time. */
	.connect_ms	= 1000,			/* ms, default 1000 */

	/* If the web server sends nothing for so long within a request, the request ends. */
	.io_ms		= 2000,			/* ms, default 2000 */

	/* A push with a larger body is answered 413. WeChat's bodies have a few KiB. */
	.body_max	= 64 * 1024,		/* bytes, default 64 KiB */

	/*
	 * Messages that QT has not confirmed wait on disk. After breaker_fails failures in a
	 * row new messages go to the disk without asking QT, until QT answers again. Then
	 * drain_parallel of them are sent at the same time: those that have never failed come
	 * first, and those that have get a quarter of the places until one of them passes.
	 */
	.breaker_fails	= 5,			/* default 5 */
	.drain_parallel	= 8,			/* 1 to 64, default 8 */

	/*
	 * For dedupe_days a message that WeChat sends again is recognized, and not forwarded
	 * again. Its body is deleted when QT has it, or keep_days after it came, but at once
	 * while the disk is nearly full.
	 */
	.dedupe_days	= 7,			/* days, default 7 */
	.keep_days	= 0,			/* days, default 0 = at once */

	/* A push is refused if its timestamp is further than this from our clock. -1: any age. */
	.fresh_s	= 600,			/* seconds, default 600 */

	/*
	 * The CA certificates for HTTPS: a PEM file, or a directory of them on which `openssl
	 * rehash` was run. NULL: the system's.
	 */
	.ca_file	= NULL,

	/*
	 * A proxy for all that goes out, to QT, to control servers and to WeChat, such as
	 * "http://user:password@proxy.example:3128". The scheme is http, https or socks5h, and the
	 * proxy finds the hosts. "@FILE" or "$NAME" keep the password out of this file. no_proxy
	 * names what is reached without the proxy, such as "qt.example.com, 10.0.0.0/8": hosts with
	 * their subdomains, addresses, networks. Variables like https_proxy mean nothing to qtoa.
	 */
	.proxy		= NULL,			/* default NULL = no proxy */
	.no_proxy	= NULL,			/* default NULL = none */

	/* WeChat's API, used for accounts with .secret or with UNIONID. */
	.wechat_api	= "https://api.weixin.qq.com",	/* default */

	/*
	 * 1: get access_tokens by /cgi-bin/token, where a new token ends the one before,
	 * instead of by stable_token. control_per_minute: answers of the access_token control
	 * server to one address.
	 */
	.legacy_token	= 0,			/* default */
	.control_per_minute = 60,		/* default */

	/*
	 * Where the log goes: "stderr" (the default), "syslog", or a file.  Not /dev/stdout: a CGI's
	 * answer goes there.
	 */
	.log		= "stderr",

	/*
	 * The lowest level that is logged: "debug", "info", "notice", "warning" or "error".
	 * With "notice" there is no line for a message that went well. log_users: 0 logs a
	 * hash of a user's OpenID, 1 the OpenID. log_flood: lines for one failure; the others
	 * of a minute become one line with their number.
	 */
	.log_level	= "info",		/* default */
	.log_users	= 0,			/* default */
	.log_flood	= 10,			/* lines a minute, default 10 */

	/*
	 * How events are translated where QT's event table leaves a choice: the values of
	 * is_scan; the name of an article's address in $$_publish_job_finish; and whether a
	 * list (templates of a subscription, articles) becomes one event with all values
	 * joined by commas (0), or one event for each item (1).
	 */
	.is_scan_yes	= "true",		/* default */
	.is_scan_no	= "false",		/* default */
	.article_url	= "article_URL",	/* default, as QT prints it */
	.one_per_item	= 0,			/* default */

	/*
	 * 1: count the messages that are forwarded, for /-/report and `qtoa report`; -1: do not.
	 * The events are kept on this host, some 300 bytes each; see collect_days.
	 */
	.count		= 1,			/* default */

	/* 1: answer POST /server/thirdPartyDataSource as QT does, and count the events. */
	.collector	= 1,			/* default 0 */

	/*
	 * collector_appkey_optional, 1: clients need not send appkey. collector_strict, 1: an
	 * event without its user, or without an event code of QT, is refused; 0: it is counted
	 * as far as possible.
	 */
	.collector_appkey_optional = 0,		/* default */
	.collector_strict = 0,			/* default */

	/*
	 * An event is deleted after so many days. One that is older when it comes is not
	 * counted, so this must be longer than a message may wait in a queue.
	 */
	.collect_days	= 0,			/* days, default 0 = never */

	/*
	 * 1: forget a user as "qtoa forget" does when that user unsubscribes, or revokes what
	 * was allowed (WeChat's events user_authorization_revoke and ..._cancellation). Events
	 * stay without the user, so no figure changes. Only for messages that qtoa counts.
	 */
	.forget_unsubscribed = 0,		/* default */
	.forget_revoked	= 0,			/* default */

	/*
	 * Addresses and networks that may see .../-/report. Requests that a proxy or a tunnel
	 * on this host passes on are not from 127.0.0.1: see trusted_proxies.
	 */
	.report_allow	= "127.0.0.1, ::1",	/* default NULL: nobody */

	/*
	 * Hosts in the URLs of all that is below .../-/: names, "*.example.com", addresses,
	 * without ports; "*": any. Else the owner of another name could point it to this host,
	 * and pages of his would read the report in your browser. localhost and loopback
	 * addresses are always good. NULL: a browser on this host must use these; others may
	 * use an IP address, or any name by HTTPS.
	 */
	.report_hosts	= NULL,			/* default NULL; such as "wechat.example.com" */

	/*
	 * Addresses and networks of reverse proxies and tunnels before the web server. What they
	 * say of their client (X-Forwarded-For, Forwarded, ...) is believed, so each must set
	 * it. What others pass on opens nothing.
	 */
	.trusted_proxies = NULL,		/* default NULL; such as "127.0.0.1" */

	/*
	 * Compare where pushes come from with the list of WeChat's own addresses, which is fetched
	 * once a day with the access_token of any account that has .secret. ADVISE counts and logs
	 * a push from elsewhere; ENFORCE refuses it (403). Before there is a list nothing is
	 * refused. Behind a reverse proxy, set trusted_proxies first. Begin with ADVISE, and look
	 * at `qtoa status` for a week.
	 */
	.wechat_only	= OFF,			/* OFF (default), ADVISE or ENFORCE */

	/*
	 * Addresses and networks that may see .../-/metrics and .../-/health, which have no
	 * data of users. If a message has waited for QT longer than late_s, .../-/health
	 * reports trouble.
	 */
	.metrics_allow	= NULL,			/* default NULL: as report_allow */
	.late_s		= 600,			/* seconds, default 600 */

	/*
	 * Several machines: a PostgreSQL database that they share, see doc/several-machines.md.
	 * The text has a password in it: give it as "@FILE". store_ack: a message counts as kept
	 * when the disk of the server has it (DISK), or when a standby has it, too (REPLICA).
	 * store_degrade: while the database fails, messages are kept on this host (LOCAL), or
	 * answered 503 (REFUSE). store_ms: for one transaction. host: no two hosts may have the
	 * same name.
	 */
	.store		= NULL,			/* default NULL: a file in state_dir */
	.store_ack	= DISK,			/* DISK (default) or REPLICA */
	.store_degrade	= LOCAL,		/* LOCAL (default) or REFUSE */
	.store_ms	= 300,			/* ms, default 300 */
	.host		= NULL,			/* default NULL: the name of the system */

	/*
	 * A robot of WeCom, DingTalk or Feishu, or any webhook, that is told when health changes;
	 * see doc/alerts.md. The address has a key in it: give it as "@FILE". alert_secret: the
	 * key with which DingTalk's or Feishu's robot wants its messages signed. alert_lang: "zh"
	 * or "en"; NULL: Chinese for a robot, English for others. To try it: qtoa alert test.
	 */
	.alert_url	= NULL,			/* default NULL: no alerts */
	.alert_secret	= NULL,			/* default NULL: messages are not signed */
	.alert_lang	= NULL,			/* default NULL */

	/*
	 * A change of health is told if it lasts for alert_after_s. There are alert_per_hour
	 * messages in an hour at most. alert_weekly, 1: on Mondays at 9 in China a summary of the
	 * last week is sent.
	 */
	.alert_after_s	= 60,			/* seconds, default 60 */
	.alert_per_hour	= 10,			/* default 10 */
	.alert_weekly	= 0,			/* default 0 */
};
