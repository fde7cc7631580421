#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/term.h"
#include "cli/term_table.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/number.h"
#include "wechat/api.h"
#include "wechat/qrcode.h"

enum {
	PATIENCE_MS = 20000,	/* for WeChat */
	SHOWN_ROWS = 100000,	/* as many as an account can have */
	LABEL = 9		/* columns of a label */
};

/*
 * qtoa qrcode create
 */

struct creating {
	struct session		 session;
	const struct account	*account;
	const char		*which, *name, *scene;
	int			 days;		/* 0: permanent */
	struct qrcode		 code;
	struct buf		 owner;		/* of another code with this scene: its name */
	bool			 there;
};

static bool
read_days(int *days, const char *text)
{
	int64_t	 n;

	if (!number_parse(&n, slice_of(text)) || n < 1 || n > QRCODE_DAYS)
		return false;
	*days = (int)n;
	return true;
}

static bool
read_creation(struct creating *k, int argc, char **argv)
{
	int	 i;

	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], "--scene") == 0 && i + 1 < argc && k->scene == NULL)
			k->scene = argv[++i];
		else if (strcmp(argv[i], "--days") == 0 && i + 1 < argc && k->days == 0) {
			if (!read_days(&k->days, argv[++i]))
				return false;
		} else if (*argv[i] == '-' || k->name != NULL)
			return false;
		else if (k->which == NULL)
			k->which = argv[i];
		else
			k->name = argv[i];
	return k->name != NULL;
}

static enum error
find_code(struct db *db, void *arg)
{
	struct creating	*k = arg;
	enum error	 er;

	buf_reset(&k->owner);
	er = qrcode_find(db, &k->code, &k->there, k->account->appid, slice_of(k->name));
	return er != ERR_OK ? er : qrcode_owner(db, &k->owner, k->account->appid,
	    slice_of(k->name), slice_of(k->scene));
}

static enum error
put_code(struct db *db, void *arg)
{
	const struct creating	*k = arg;

	return qrcode_put(db, &k->code, k->account->appid, slice_of(k->name));
}

static void
print_field(const char *label, struct slice text)
{
	const char	*said = lang_text(label);

	(void)printf("%s%*s%.*s\n", said, LABEL - format_columns(slice_of(said)), "",
	    (int)text.len, text.p);
}

static int
print_code(const struct creating *k)
{
	struct buf	 link = { 0 };
	char		 time[TERM_TIME] = "";
	const enum error er = qrcode_link(&link, buf_slice(&k->code.ticket));

	if (k->code.expires_s != 0)
		term_time(time, k->code.expires_s);
	print_field("name", slice_of(k->name));
	print_field("scene", buf_slice(&k->code.scene));
	print_field("until", slice_of(k->code.expires_s == 0 ? lang_text("for ever") : time));
	print_field("picture", buf_slice(&link));
	print_field("content", buf_slice(&k->code.url));
	buf_free(&link);
	return er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

/* False: WeChat makes no code, and stderr says why. */
static bool
make_code(struct creating *k)
{
	struct services		*s = &k->session.services;
	struct buf		 body = { 0 };
	char			 said[LANG_PARTS];
	struct api_answer	 answer = { 0 };
	struct api_call		 call = {
		.account = k->account, .path = QRCODE_PATH,
		.deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};
	bool			 good = false;

	if (qrcode_body(&body, slice_of(k->scene), k->days) == ERR_OK) {
		call.body = buf_slice(&body);
		if (api_call(s->tokens, s->http, &answer, &s->conf->set, &call) != API_OK)
			(void)fprintf(stderr, "qtoa: %s: %s\n", k->account->name,
			    lang_parts(said, answer.why));
		else if (!(good = qrcode_read(&k->code, buf_slice(&answer.body),
		    clock_wall_ms() / 1000, k->days != 0)))
			(void)fprintf(stderr, lang_text("qtoa: %s: WeChat's answer has no "
			    "ticket\n"), k->account->name);
	}
	buf_free(&answer.body);
	buf_free(&body);
	return good;
}

/* True: the code that is there is what is asked for. */
static bool
is_same_code(const struct creating *k)
{
	return slice_is(buf_slice(&k->code.scene), k->scene) &&
	    (k->days == 0) == (k->code.expires_s == 0);
}

/* False: the name or the scene is used for another code. */
static bool
check_free(const struct creating *k)
{
	if (k->owner.len != 0)
		(void)fprintf(stderr, lang_text("qtoa: scene %s is that of the code %.*s; give "
		    "another one with --scene\n"), k->scene, (int)k->owner.len, k->owner.p);
	else if (k->there && !is_same_code(k))
		(void)fprintf(stderr, lang_text("qtoa: there is another code %s; give this one "
		    "another name\n"), k->name);
	else
		return true;
	return false;
}

static int
create_code(struct creating *k)
{
	if (!session_do(&k->session, STORE_READ, find_code, k) || !check_free(k))
		return CLI_WRONG;
	/* A permanent code is always the same; a temporary one is made again when it has ended. */
	if (k->there && (k->code.expires_s == 0 ||
	    k->code.expires_s > clock_wall_ms() / 1000))
		return print_code(k);
	buf_reset(&k->code.scene);
	if (buf_puts(&k->code.scene, k->scene) != ERR_OK || !make_code(k) ||
	    !session_do(&k->session, STORE_SYNC, put_code, k))
		return CLI_WRONG;
	return print_code(k);
}

static int
run_create(const struct conf *c, int problems, int argc, char **argv)
{
	struct creating	 k = { .which = NULL };
	int		 rc = CLI_WRONG;

	if (!read_creation(&k, argc, argv))
		return cli_usage("qrcode create");
	if (k.scene == NULL)
		k.scene = k.name;
	if (!qrcode_is_scene(slice_of(k.name)) || !qrcode_is_scene(slice_of(k.scene)))
		return cli_usage_why("qrcode create", "a name and a scene have 1 to 64 printable "
		    "characters");
	if (problems != 0)
		return CLI_WRONG;
	if ((k.account = conf_find(c, k.which)) == NULL) {
		suggest_account(c, ".path or .name", k.which);
		return CLI_WRONG;
	}
	if (session_open(&k.session, c, false) &&
	    services_add(&k.session.services, SERVICES_TOKENS))
		rc = create_code(&k);
	session_close(&k.session);
	qrcode_free(&k.code);
	buf_free(&k.owner);
	return rc;
}

/*
 * qtoa qrcode list
 */

static const struct report_question	 list = {
	.name = "qrcode",
	.columns = {
	    { "account", REPORT_TEXT }, { "name", REPORT_TEXT }, { "scene", REPORT_TEXT },
	    { "follows", REPORT_COUNT }, { "scans", REPORT_COUNT }, { "made", REPORT_TIME },
	    { "until", REPORT_TIME }, { "url", REPORT_TEXT }, { "ticket", REPORT_TEXT },
	},
};

struct listing {
	struct session		 session;
	const char		*which, *name;
	const struct account	*account;	/* NULL: all */
	enum term_table_form	 form;
	struct table		 table;
};

static enum error
list_codes(struct db *db, void *arg)
{
	struct listing	*l = arg;
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_QRCODE_LIST, DB_VALUES(
	    db_s(l->account == NULL ? NULL : l->account->appid), db_s(l->name)));
	if (er == ERR_OK)
		return table_from_rows(&l->table, &rows, SHOWN_ROWS);
	db_end(&rows);
	return er;
}

static int
print_list(const struct listing *l)
{
	struct buf		 out = { 0 };
	const enum error	 er = term_table_write(&out, &l->table, &list, l->form,
				    term_width(STDOUT_FILENO));

	if (er == ERR_OK)
		session_print(&out);
	buf_free(&out);
	return er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

static bool
read_listing(struct listing *l, int argc, char **argv)
{
	int	 i;

	for (i = 2; i < argc; i++)
		if (term_table_read_form(&l->form, argv[i]))
			continue;
		else if (*argv[i] == '-' || l->name != NULL)
			return false;
		else if (l->which == NULL)
			l->which = argv[i];
		else
			l->name = argv[i];
	return true;
}

static int
run_list(const struct conf *c, int argc, char **argv)
{
	struct listing	 l = { .which = NULL };
	int		 rc = CLI_WRONG;

	if (!read_listing(&l, argc, argv))
		return cli_usage("qrcode list");
	if (l.which != NULL && (l.account = conf_find(c, l.which)) == NULL) {
		suggest_account(c, ".path or .name", l.which);
		return CLI_WRONG;
	}
	if (session_open(&l.session, c, false) && session_do(&l.session, STORE_READ, list_codes,
	    &l))
		rc = print_list(&l);
	session_close(&l.session);
	table_free(&l.table);
	return rc;
}

int
cmd_qrcode_run(struct conf *c, int problems, int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && strcmp(argv[1], "create") == 0)
		return run_create(c, problems, argc, argv);
	if (argc >= 2 && strcmp(argv[1], "list") == 0)
		return run_list(c, argc, argv);
	return cli_usage("qrcode");
}
