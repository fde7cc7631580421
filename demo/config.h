/*
 * demo/config.h: the configuration of `./setup demo`.  It has two accounts, one for encrypted and
 * one for plain messages; both forward to the collector of the same program.  Its keys are public:
 * do not use them for an account of yours.
 */

static const struct account accounts[] = {
	{
		.path		= "demo",
		.name		= "demo",
		.appid		= "wx0123456789abcdef",
		.token		= "qtoaDemoToken",
		.mode		= SAFE,
		.aes_key	= "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		.qt_url		= "$QTOA_QT_URL",
		.app_key	= "demoAppKey",
		.service_id	= "demoServiceId",
		.service_secret	= "demoServiceSecret",
	},
	{
		.path		= "demo-plain",
		.name		= "demo-plain",
		.appid		= "wxfedcba9876543210",
		.token		= "qtoaPlainToken",
		.mode		= PLAIN,
		.qt_url		= "$QTOA_QT_URL",
		.app_key	= "plainAppKey",
		.service_id	= "plainServiceId",
		.service_secret	= "plainServiceSecret",
	},
};

static const struct settings settings = {
	.state_dir	= "$QTOA_STATE_DIR",
	.fresh_s	= 600,
	.count		= -1,	/* the collector, which plays QT, has to do it */
	.collector	= 1,
	.report_allow	= "127.0.0.1",
};
