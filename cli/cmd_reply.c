#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/lang.h"
#include "reply/import.h"
#include "reply/replies.h"
#include "xmlmap.h"

enum { XML_MAX = 1 << 20 };	/* bytes of a message to test */

/*
 * qtoa reply check
 */

struct checking {
	const char	*label;		/* of the file, in front of each line */
	int		 wrong, odd;
};

static void
print_fault(void *ctx, bool wrong, const char *where, const char *what)
{
	struct checking	*c = ctx;

	*(wrong ? &c->wrong : &c->odd) += 1;
	(void)printf("%s  %s: %s%s%s\n", wrong ? lang_text("failed") : lang_text("warning"),
	    c->label, where, *where != '\0' ? lang_text(": ") : "", what);
}

/* False: the file cannot be used. */
static bool
check_file(const char *label, const char *file)
{
	struct checking	 c = { .label = label };
	struct rules	*r = replies_read(file, print_fault, &c);

	if (r == NULL)
		return false;
	(void)printf(lang_text("ok  %s: %s: %zu keyword rules, %zu menu keys, %s, %s\n"), label,
	    file, rules_count(r, RULES_KEYWORD), rules_count(r, RULES_CLICK),
	    rules_count(r, RULES_FOLLOW) != 0 ? lang_text("a reply to followers") :
	    lang_text("no reply to followers"),
	    rules_count(r, RULES_DEFAULT) != 0 ? lang_text("a default reply") :
	    lang_text("no default reply"));
	rules_free(r);
	return true;
}

static int
run_check(const struct conf *c, int problems, int argc, char **argv)
{
	const struct account	*only = NULL, *a;
	int			 rc = problems == 0 ? CLI_DONE : CLI_WRONG;
	bool			 any = false;

	if (argc > 1)
		return cli_usage("reply check");
	if (argc == 1 && (only = conf_find(c, argv[0])) == NULL)
		return check_file(argv[0], argv[0]) ? CLI_DONE : CLI_WRONG;
	for (a = c->accounts; a != c->accounts + c->n; a++) {
		if ((only != NULL && a != only) || !conf_is_set(a->replies))
			continue;
		any = true;
		if (!check_file(a->name, a->replies))
			rc = CLI_WRONG;
	}
	if (!any && only != NULL)
		(void)printf(lang_text("%s has no .replies\n"), only->name);
	else if (!any)
		(void)printf(lang_text("no account has .replies\n"));
	return rc;
}

/*
 * qtoa reply test
 */

struct testing {
	const char	*account, *message, *rules;
};

static bool
read_testing(struct testing *t, int argc, char **argv)
{
	int	 i;

	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--rules") == 0 && i + 1 < argc)
			t->rules = argv[++i];
		else if (t->account == NULL)
			t->account = argv[i];
		else if (t->message == NULL)
			t->message = argv[i];
		else
			return false;
	return t->message != NULL;
}

static bool
is_xml_file(const char *word)
{
	const size_t	 len = strlen(word);

	return strcmp(word, "-") == 0 || (len > 4 && strcmp(word + len - 4, ".xml") == 0);
}

/* Makes the message of a text, as WeChat sends it. */
static enum error
make_text_message(struct buf *xml, const char *text)
{
	const struct passive	 p = {
		.type = PASSIVE_TEXT, .v = { [PASSIVE_CONTENT] = slice_of(text) },
	};

	/* A message from a user to an account has the shape of a reply to a user. */
	return passive_write(xml, &p, slice_of("gh_account"), slice_of("oUser"),
	    clock_wall_ms() / 1000);
}

/* Reads a message.  False: stderr says what is wrong. */
static bool
read_message(struct buf *xml, struct message *m, const char *word)
{
	enum error	 er = ERR_OK;

	if (!is_xml_file(word)) {
		er = make_text_message(xml, word);
	} else if (buf_read_file(xml, word, XML_MAX) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", word, lang_errno(errno));
		return false;
	}
	if (er == ERR_OK)
		er = xmlmap_message(m, buf_slice(xml));
	if (er == ERR_OK && *m->why == '\0')
		return true;
	(void)fprintf(stderr, "qtoa: %s: %s\n", word, er != ERR_OK ?
	    lang_text(error_table[er].name) : m->why);
	return false;
}

/* Prints which rule answers, and the reply.  False: no rule does. */
static bool
print_reply(const struct rules *r, const struct account *a, struct message *m, struct slice xml)
{
	struct replies_choice	 c = { .found = false };
	char			 key[MESSAGE_KEY_HEX + 1];
	bool			 found;

	found = message_key(m, key, slice_of(a->path), xml) == ERR_OK &&
	    replies_apply(&c, r, m, xml, key);
	if (!found)
		(void)printf(lang_text("no rule answers: WeChat hears success, and the user gets "
		    "nothing\n"));
	else
		(void)printf(lang_text("rule: %s, number %zu of its kind, %s%s\n%.*s\n"),
		    rules_kinds[c.kind], c.place + 1, c.rule, c.kind == RULES_DEFAULT ?
		    lang_text(" (once an hour for a user)") : "", (int)c.xml.len, c.xml.p);
	replies_choice_free(&c);
	return found;
}

static int
run_test(const struct conf *c, int problems, int argc, char **argv)
{
	struct testing		 t = { .rules = NULL };
	const struct account	*a;
	struct checking		 faults = { .label = "" };
	struct message		 m = { .code = NULL };
	struct buf		 xml = { 0 };
	struct rules		*r = NULL;
	int			 rc = CLI_WRONG;

	(void)problems;
	if (!read_testing(&t, argc, argv))
		return cli_usage("reply test");
	if ((a = conf_find(c, t.account)) == NULL) {
		suggest_account(c, ".path or .name", t.account);
		return CLI_WRONG;
	}
	if (t.rules == NULL && !conf_is_set(a->replies)) {
		(void)fprintf(stderr, lang_text("qtoa: %s has no .replies; name a file with "
		    "--rules\n"), a->name);
		return CLI_WRONG;
	}
	faults.label = a->name;
	if (read_message(&xml, &m, t.message) &&
	    (r = replies_read(t.rules != NULL ? t.rules : a->replies, print_fault,
	    &faults)) != NULL && print_reply(r, a, &m, buf_slice(&xml)))
		rc = CLI_DONE;
	rules_free(r);
	message_free(&m);
	buf_free(&xml);
	return rc;
}

/*
 * qtoa reply import
 */

struct importing {
	const char	*account, *out;
	bool		 media;
};

static bool
read_importing(struct importing *im, int argc, char **argv)
{
	int	 i;

	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
			im->out = argv[++i];
		else if (strcmp(argv[i], "--media") == 0)
			im->media = true;
		else if (im->account == NULL)
			im->account = argv[i];
		else
			return false;
	return im->account != NULL;
}

static bool
is_off(const struct json *answer, const char *name)
{
	int64_t	 n;

	return !json_as_number(&n, json_member(answer, name)) || n == 0;
}

/* Says what WeChat's answer looks like if the server is switched on already. */
static void
say_state(const struct json *answer)
{
	if (is_off(answer, "is_add_friend_reply_open") && is_off(answer, "is_autoreply_open"))
		(void)fprintf(stderr, lang_text("qtoa: WeChat says that all automatic replies are "
		    "off; if the server is switched on already, switch it off in WeChat's console, "
		    "import, and switch it on again\n"));
}

/* Makes the file from WeChat's answer.  False: stderr says what is wrong. */
static bool
write_rules(struct console *c, const struct importing *o, const struct json *answer)
{
	const struct import	 im = {
		.media = o->media ? console_media : NULL, .say = console_say, .ctx = c,
	};
	struct json		*old = o->out == NULL ? NULL : console_read(o->out, true);
	struct buf		 text = { 0 };
	bool			 good = false;

	say_state(answer);
	if (import_rules(&text, &im, answer, old) != ERR_OK)
		(void)session_say_no_handle();
	else {
		rules_free(rules_parse(buf_slice(&text), console_say, c));
		good = console_write(o->out, buf_slice(&text));
	}
	buf_free(&text);
	json_free(old);
	return good;
}

static int
run_import(const struct conf *conf, int problems, int argc, char **argv)
{
	struct importing	 o = { .out = NULL };
	struct console		 c;
	struct json		*answer = NULL;
	int			 rc = CLI_WRONG;

	if (!read_importing(&o, argc, argv))
		return cli_usage("reply import");
	if (console_open(&c, conf, problems, o.account) &&
	    (answer = console_call(&c, "/cgi-bin/get_current_autoreply_info",
	    (struct slice){ NULL, 0 }, 0, NULL)) != NULL && write_rules(&c, &o, answer))
		rc = CLI_DONE;
	json_free(answer);
	console_close(&c);
	return rc;
}

static const struct {
	const char	*name;
	int		(*run)(const struct conf *c, int problems, int argc, char **argv);
} reply_verbs[] = {
	{ "check", run_check }, { "test", run_test }, { "import", run_import },
};

int
cmd_reply_run(struct conf *c, int problems, int argc, char **argv)
{
	size_t	 i;

	for (i = 0; i < sizeof(reply_verbs) / sizeof(reply_verbs[0]); i++)
		if (argc >= 2 && strcmp(argv[1], reply_verbs[i].name) == 0)
			return reply_verbs[i].run(c, problems, argc - 2, argv + 2);
	return cli_usage("reply");
}
