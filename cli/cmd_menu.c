#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/session.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/lang.h"
#include "reply/import.h"
#include "reply/menu.h"

enum {
	NO_MENU = 46003,	/* errcode: the API has made no menu */
	ID = 32,		/* bytes of a menu's id */
	PATH = 1100
};

struct order {
	const char	*account, *file, *replies;
	bool		 yes, media, json;
};

static bool
read_order(struct order *o, int argc, char **argv)
{
	int	 i;

	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--replies") == 0 && i + 1 < argc)
			o->replies = argv[++i];
		else if (strcmp(argv[i], "--yes") == 0)
			o->yes = true;
		else if (strcmp(argv[i], "--media") == 0)
			o->media = true;
		else if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (o->account == NULL)
			o->account = argv[i];
		else if (o->file == NULL)
			o->file = argv[i];
		else
			return false;
	return o->account != NULL;
}

/* The menu that an account has now. */
struct current {
	struct json	*api;		/* answer of menu/get; NULL: the API has made no menu */
	struct json	*menu;		/* as a file */
	struct buf	 clicks;	/* rules for the keys that were made; may be empty */
};

static void
free_current(struct current *cur)
{
	json_free(cur->api);
	json_free(cur->menu);
	buf_free(&cur->clicks);
}

/* Fetches the menu that was made in WeChat's console. */
static bool
fetch_console_menu(struct console *c, struct current *cur, const struct import *im)
{
	struct json	*answer = console_call(c, "/cgi-bin/get_current_selfmenu_info",
			    (struct slice){ NULL, 0 }, 0, NULL);
	struct buf	 text = { 0 };
	bool		 good;

	good = answer != NULL && menu_from_console(&text, &cur->clicks, im, answer) == ERR_OK &&
	    (cur->menu = json_parse_any(buf_slice(&text))) != NULL;
	if (answer != NULL && !good)
		(void)session_say_no_handle();
	json_free(answer);
	buf_free(&text);
	return good;
}

/* Fetches the menu of the API, or else that of the console.  False: stderr says what is wrong. */
static bool
fetch_menu(struct console *c, struct current *cur, const struct import *im)
{
	struct buf	 text = { 0 };
	bool		 none, good;

	*cur = (struct current){ .api = NULL };
	cur->api = console_call(c, "/cgi-bin/menu/get", (struct slice){ NULL, 0 }, NO_MENU, &none);
	if (none)
		return fetch_console_menu(c, cur, im);
	if (cur->api == NULL)
		return false;
	good = menu_from_api(&text, cur->api) == ERR_OK &&
	    (cur->menu = json_parse_any(buf_slice(&text))) != NULL;
	if (!good)
		(void)session_say_no_handle();
	buf_free(&text);
	return good;
}

/* Writes to a file that the operator names, or, ours, in the state directory. */
static bool
write_menu(const char *file, const struct json *j, bool ours)
{
	struct buf	 text = { 0 };
	bool		 good;

	good = json_print(&text, j, 0) == ERR_OK &&
	    (ours ? console_save : console_write)(file, buf_slice(&text));
	buf_free(&text);
	return good;
}

/*
 * qtoa menu show, qtoa menu import
 */

static bool
show_menu(struct console *c, const struct order *o)
{
	const struct import	 im = { .say = NULL };
	struct current		 cur;
	struct buf		 lines = { 0 };
	bool			 good = fetch_menu(c, &cur, &im);

	if (good && o->json)
		good = write_menu(NULL, cur.menu, false);
	else if (good && (good = menu_lines(&lines, cur.menu) == ERR_OK)) {
		if (lines.len == 0)
			(void)printf(lang_text("there is no menu\n"));
		session_print(&lines);
	}
	free_current(&cur);
	buf_free(&lines);
	return good;
}

/* Writes the rules for the keys that were made into the file of rules. */
static bool
write_clicks(const struct console *c, const struct order *o, const struct current *cur)
{
	const char	*file = o->replies != NULL ? o->replies : c->account->replies;
	struct json	*clicks = json_parse_any(buf_slice(&cur->clicks)), *old;
	struct buf	 text = { 0 };
	bool		 good = true;

	if (clicks != NULL && json_count(clicks) != 0 && !conf_is_set(file)) {
		(void)fprintf(stderr, lang_text("qtoa: %zu entries of the console's menu need "
		    "rules that answer their keys; name a file for them with --replies, or set "
		    ".replies\n"), json_count(clicks));
		good = false;
	} else if (clicks != NULL && json_count(clicks) != 0) {
		old = console_read(file, true);
		good = import_clicks(&text, old, clicks) == ERR_OK &&
		    console_write(file, buf_slice(&text));
		json_free(old);
	}
	json_free(clicks);
	buf_free(&text);
	return good;
}

static bool
import_menu(struct console *c, const struct order *o)
{
	const struct import	 im = {
		.media = o->media ? console_media : NULL, .say = console_say, .ctx = c,
	};
	struct current		 cur;
	bool			 good;

	good = fetch_menu(c, &cur, &im) && write_clicks(c, o, &cur) &&
	    write_menu(o->file, cur.menu, false);
	free_current(&cur);
	return good;
}

/*
 * qtoa menu diff
 */

/* True: the text has this line. */
static bool
has_line(struct slice text, struct slice line)
{
	const char	*p = text.p, *end = text.p + text.len, *nl;

	for (; p != end; p = nl + 1) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			return false;
		if ((size_t)(nl - p) == line.len && memcmp(p, line.p, line.len) == 0)
			return true;
	}
	return false;
}

/* Prints the lines of text that `other` does not have.  Returns how many. */
static int
print_lines(struct slice text, struct slice other, char mark)
{
	const char	*p = text.p, *end = text.p + text.len, *nl;
	int		 n = 0;

	for (; p != end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1)
		if (!has_line(other, (struct slice){ p, (size_t)(nl - p) })) {
			(void)printf("%c %.*s\n", mark, (int)(nl - p), p);
			n++;
		}
	return n;
}

/* Prints what is different.  *n: how many lines.  False: no memory. */
static bool
print_difference(int *n, const struct json *now, const struct json *then)
{
	struct buf	 a = { 0 }, b = { 0 };
	bool		 good;

	*n = 0;
	good = menu_lines(&a, now) == ERR_OK && menu_lines(&b, then) == ERR_OK;
	if (good) {
		*n = print_lines(buf_slice(&a), buf_slice(&b), '-');
		*n += print_lines(buf_slice(&b), buf_slice(&a), '+');
	} else {
		(void)session_say_no_handle();
	}
	buf_free(&a);
	buf_free(&b);
	return good;
}

/* True: the menu is as the file says. */
static bool
diff_menu(struct console *c, const struct order *o)
{
	const struct import	 im = { .say = NULL };
	struct json		*file = console_read(o->file, false);
	struct current		 cur = { .api = NULL };
	int			 n = 1;
	bool			 good;

	good = file != NULL && fetch_menu(c, &cur, &im) && print_difference(&n, cur.menu, file);
	if (good && n == 0)
		(void)printf(lang_text("no difference\n"));
	free_current(&cur);
	json_free(file);
	return good && n == 0;
}

/*
 * qtoa menu push, qtoa menu delete
 */

/* Saves the menu of now in state_dir, before it is changed. */
static bool
save_menu(const struct console *c, const struct current *cur)
{
	char	 file[PATH];

	if (json_count(json_member(cur->menu, "button")) == 0)
		return true;
	(void)snprintf(file, sizeof(file), "%s/qtoa.menu-%s-%lld.json",
	    c->services.conf->set.state_dir, c->account->path, (long long)clock_wall_ms());
	return write_menu(file, cur->menu, true);
}

/* Sends a body.  False: stderr says why WeChat did not take it. */
static bool
send_body(struct console *c, const char *path, struct buf *body, enum error er)
{
	struct json	*answer = NULL;

	if (er == ERR_OK)
		answer = console_call(c, path, buf_slice(body), 0, NULL);
	else
		(void)session_say_no_handle();
	json_free(answer);
	buf_reset(body);
	return answer != NULL;
}

/* The id of a conditional menu, which WeChat tells as a number or as a text. */
static void
read_id(char id[ID], const struct json *menu)
{
	const struct json	*v = json_member(menu, "menuid");
	int64_t			 n;

	if (json_as_number(&n, v))
		(void)snprintf(id, ID, "%lld", (long long)n);
	else
		(void)snprintf(id, ID, "%.*s", (int)json_as_text(v).len,
		    json_as_text(v).p == NULL ? "" : json_as_text(v).p);
}

/* Removes the conditional menus that there are, then adds the file's, the last one first. */
static bool
replace_conditionals(struct console *c, const struct current *cur, const struct json *file)
{
	const struct json	*now = menu_conditionals(cur->api);
	struct buf		 body = { 0 };
	char			 id[ID];
	bool			 good = true;
	size_t			 i;

	for (i = 0; i < json_count(now) && good; i++) {
		read_id(id, json_item(now, i));
		good = send_body(c, "/cgi-bin/menu/delconditional", &body,
		    buf_printf(&body, "{\"menuid\":\"%s\"}", id));
	}
	for (i = json_count(menu_conditionals(file)); i > 0 && good; i--)
		good = send_body(c, "/cgi-bin/menu/addconditional", &body,
		    menu_conditional_body(&body, file, i - 1));
	buf_free(&body);
	return good;
}

/* True: both have the same conditional menus. */
static bool
has_same_conditionals(const struct json *a, const struct json *b)
{
	struct buf	 x = { 0 }, y = { 0 };
	size_t		 i, n = json_count(menu_conditionals(a));
	bool		 same = n == json_count(menu_conditionals(b));

	for (i = 0; i < n && same; i++)
		same = menu_conditional_body(&x, a, i) == ERR_OK &&
		    menu_conditional_body(&y, b, i) == ERR_OK;
	same = same && x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
	buf_free(&x);
	buf_free(&y);
	return same;
}

static bool
send_menu(struct console *c, const struct current *cur, const struct json *file)
{
	struct buf	 body = { 0 };
	bool		 good = send_body(c, "/cgi-bin/menu/create", &body,
			    menu_body(&body, file));

	if (good && !has_same_conditionals(cur->menu, file))
		good = replace_conditionals(c, cur, file);
	if (good)
		(void)printf(lang_text("the menu is set; users see it when they open the account "
		    "again, within 5 minutes\n"));
	buf_free(&body);
	return good;
}

/* Asks unless --yes is given.  False: the answer is no. */
static bool
may_change(const struct order *o, const char *question)
{
	if (o->yes || console_ask(question))
		return true;
	(void)printf(lang_text("nothing is changed\n"));
	return false;
}

static bool
push_menu(struct console *c, const struct order *o)
{
	const struct import	 im = { .say = NULL };
	struct json		*file = console_read(o->file, false);
	struct current		 cur = { .api = NULL };
	int			 n;
	bool			 good;

	good = file != NULL && menu_check(file, console_say, c) && fetch_menu(c, &cur, &im) &&
	    print_difference(&n, cur.menu, file);
	if (good && n == 0 && cur.api != NULL)
		(void)printf(lang_text("no difference\n"));
	else
		good = good && may_change(o, lang_text("replace the menu by this one?")) &&
		    save_menu(c, &cur) && send_menu(c, &cur, file);
	free_current(&cur);
	json_free(file);
	return good;
}

static bool
delete_menu(struct console *c, const struct order *o)
{
	const struct import	 im = { .say = NULL };
	struct current		 cur;
	struct json		*answer = NULL;
	int			 n;
	bool			 good;

	good = fetch_menu(c, &cur, &im) && print_difference(&n, cur.menu, NULL) &&
	    may_change(o, lang_text("delete the menu, and all conditional ones?")) &&
	    save_menu(c, &cur) && (answer = console_call(c, "/cgi-bin/menu/delete",
	    (struct slice){ NULL, 0 }, 0, NULL)) != NULL;
	if (good)
		(void)printf(lang_text("the menu is deleted\n"));
	json_free(answer);
	free_current(&cur);
	return good;
}

static const struct menu_verb {
	const char	*name, *whole;
	bool		(*run)(struct console *c, const struct order *o);
	bool		 needs_file, asks;
} menu_verbs[] = {
	{ "show", "menu show", show_menu, false, false },
	{ "import", "menu import", import_menu, false, false },
	{ "diff", "menu diff", diff_menu, true, false },
	{ "push", "menu push", push_menu, true, true },
	{ "delete", "menu delete", delete_menu, false, true },
};

int
cmd_menu_run(struct conf *conf, int problems, int argc, char **argv)
{
	const struct menu_verb	*v = menu_verbs, *end = v + sizeof(menu_verbs) / sizeof(*v);
	struct order		 o = { .account = NULL };
	struct console		 c;
	bool			 good;

	while (v != end && (argc < 2 || strcmp(argv[1], v->name) != 0))
		v++;
	if (v == end)
		return cli_usage("menu");
	if (!read_order(&o, argc - 2, argv + 2) || v->needs_file != (o.file != NULL &&
	    strcmp(v->name, "import") != 0))
		return cli_usage(v->whole);
	if (v->asks && !o.yes && !isatty(STDIN_FILENO))
		return cli_usage_why(v->whole, "--yes is needed without a terminal");
	good = console_open(&c, conf, problems, o.account) && v->run(&c, &o);
	console_close(&c);
	return good ? CLI_DONE : CLI_WRONG;
}
