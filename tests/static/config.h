/*
 * tests/static/config.h: one account that forwards to the tests' QT and trusts the authority of the
 * tests.  Its keys are those of demo/config.h, and public.
 */

static const struct account accounts[] = {
	{
		.path		= "demo",
		.appid		= "wx0123456789abcdef",
		.token		= "qtoaDemoToken",
		.mode		= SAFE,
		.aes_key	= "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		.qt_url		= "$QTOA_QT_URL",
		.app_key	= "demoAppKey",
		.service_id	= "demoServiceId",
		.service_secret	= "demoServiceSecret",
	},
};

static const struct settings settings = {
	.state_dir	= "$QTOA_STATE_DIR",
	.ca_file	= "$QTOA_CA_FILE",
	.fresh_s	= 600,
};
