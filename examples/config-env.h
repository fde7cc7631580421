/*
 * config-env.h: one program for anybody: it gets its accounts and settings from the environment.
 * Build it with `make CONFIG=examples/config-env.h`; for a program of your own config.h is simpler.
 *
 * The name of a variable is QTOA_ and the name of the value in capitals, as config.h explains them:
 *
 *	QTOA_PATH=shop			.path of the first account: .../qtoa/shop
 *	QTOA_APPID=wx0123456789abcdef	.appid
 *	QTOA_TOKEN=@/run/secrets/token	.token, from a file
 *	QTOA_MODE=SAFE			.mode: SAFE, COMPATIBLE or PLAIN
 *	QTOA_2_PATH=news		.path of the second account; QTOA_3_ and QTOA_4_: two more
 *	QTOA_STATE_DIR=/var/lib/qtoa	settings.state_dir
 *	QTOA_THREADS=16			settings.threads
 *
 * A variable that is empty counts as not set.  An account of which no variable is set does not
 * exist.  `qtoa check` names the variables that are wrong.
 */

static const struct account accounts[] = {
	{ .environment = "QTOA_" },
	{ .environment = "QTOA_2_" },
	{ .environment = "QTOA_3_" },
	{ .environment = "QTOA_4_" },
};

static const struct settings settings = {
	.environment	= "QTOA_",
};
