#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "conf.h"
#include "control.h"
#include "http.h"
#include "json.h"
#include "jsonpath.h"

enum { PROBE_MS = 5000 };	/* patience with QT, and with a control server */

static void
check_state_dir(const struct settings *set, int *failed)
{
	struct stat	 st;

	if (set->state_dir == NULL)	/* already said */
		return;
	if (stat(set->state_dir, &st) == -1) {
		(void)printf("%-8s settings.state_dir: %s: %s\n",
		    set->collector ? "failed" : "warning", set->state_dir, strerror(errno));
		*failed += set->collector != 0;
	} else if (!S_ISDIR(st.st_mode) || access(set->state_dir, R_OK | W_OK | X_OK) == -1) {
		(void)printf("failed   settings.state_dir: %s: not a directory that this user "
		    "may write\n", set->state_dir);
		++*failed;
	} else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		(void)printf("warning  settings.state_dir: %s: others may look into it: "
		    "chmod 0700\n", set->state_dir);
	} else {
		(void)printf("ok       settings.state_dir: %s\n", set->state_dir);
	}
}

static void
check_ca_file(const struct settings *set, int *failed)
{
	if (set->ca_file == NULL)
		return;
	if (access(set->ca_file, R_OK) == -1) {
		(void)printf("failed   settings.ca_file: %s: %s\n", set->ca_file,
		    strerror(errno));
		++*failed;
	} else {
		(void)printf("ok       settings.ca_file: %s\n", set->ca_file);
	}
}

/*
 * Does QT answer there?  An empty object is no message: QT says so with a code, and
 * nothing is recorded.
 */
static void
probe(struct http *h, const char *name, const char *url, int *failed)
{
	struct http_answer	 answer = { 0 };
	const struct http_call	 call = {
		.url = url, .body = slice_of("{}"), .deadline_ms = clock_mono_ms() + PROBE_MS,
	};
	struct json		*j;
	struct slice		 code = { NULL, 0 };

	http_do(h, &answer, &call);
	j = json_parse(buf_slice(&answer.body));
	if (j != NULL)
		code = json_text(j, "code");
	if (answer.status == 0)
		(void)printf("failed   %s: %s: %s\n", name, url, answer.why);
	else if (code.p == NULL)
		(void)printf("failed   %s: %s: HTTP %d, and the answer is not QT's\n", name, url,
		    answer.status);
	else
		(void)printf("ok       %s: %s answers %.*s in %d ms\n", name, url,
		    (int)code.len, code.p, answer.ms);
	*failed += code.p == NULL;
	json_free(j);
	buf_free(&answer.body);
}

static void
warn_open(const char *name, const char *field, const char *url)
{
	if (strncmp(url, "http:", 5) == 0 && strncmp(url, "http://127.", 11) != 0 &&
	    strncmp(url, "http://localhost", 16) != 0)
		(void)printf("warning  %s: %s is not https: anyone on the way reads it\n", name,
		    field);
}

/* What QT's console does when its Test button is pressed: is the access_token to be had? */
static void
probe_control(struct http *h, const struct account *a, int *failed)
{
	const int64_t	 deadline_ms = clock_mono_ms() + PROBE_MS;
	struct buf	 token = { 0 };
	char		 why[CONTROL_WHY];

	if (control_token(h, &token, a, deadline_ms, why) == CONTROL_OK) {
		(void)printf("ok       %s: control_url gives an access_token of %zu characters by "
		    "%s\n", a->name, token.len, a->control_token_path);
	} else {
		(void)printf("failed   %s: %s\n", a->name, why);
		++*failed;
	}
	buf_free(&token);
}

static bool
check_token_path(const struct account *a, int *failed)
{
	struct jsonpath	 path;
	char		 why[JSONPATH_WHY];

	if (jsonpath_parse(&path, slice_of(a->control_token_path), why))
		return true;
	(void)printf("failed   %s: control_token_path: %s: %s\n", a->name, a->control_token_path,
	    why);
	++*failed;
	return false;
}

/* With h the control server is asked, too. */
static void
check_control(const struct account *a, struct http *h, int *failed)
{
	bool	 good = check_token_path(a, failed);

	if (!conf_is_set(a->control_url))
		return;
	warn_open(a->name, "control_url", a->control_url);
	if (h != NULL && good)
		probe_control(h, a, failed);
}

static void
check_account(const struct account *a)
{
	bool	 standby = conf_is_set(a->qt_url_standby);

	(void)printf("account  %s: .../%s, %s mode, %s%s, to %s%s%s\n", a->name, a->path,
	    conf_mode_name(a->mode), a->appid,
	    conf_is_set(a->aes_key_old) ? ", old key accepted" : "", a->qt_url,
	    standby ? ", standby " : "", standby ? a->qt_url_standby : "");
	if (a->mode == PLAIN)
		(void)printf("warning  %s: in plain mode WeChat does not sign the body\n",
		    a->name);
	warn_open(a->name, "qt_url", a->qt_url);
	if (standby)
		warn_open(a->name, "qt_url_standby", a->qt_url_standby);
}

static void
check_accounts(const struct conf *c, struct http *h, bool online, int *failed)
{
	const struct account	*a;

	for (a = c->accounts; a != c->accounts + c->n; a++) {
		if (a->name == NULL || a->qt_url == NULL)	/* already said */
			continue;
		check_account(a);
		if (online)
			probe(h, a->name, a->qt_url, failed);
		if (online && conf_is_set(a->qt_url_standby))
			probe(h, a->name, a->qt_url_standby, failed);
		check_control(a, online ? h : NULL, failed);
	}
}

int
check_run(struct conf *c, int problems, int argc, char **argv)
{
	struct http	*h;
	bool		 online = argc == 2 && strcmp(argv[1], "--online") == 0;
	int		 failed = problems;

	if (argc > 2 || (argc == 2 && !online))
		return cmd_usage("check [--online]");
	if ((h = http_new(&c->set, NULL)) == NULL)
		return CMD_WRONG;
	check_state_dir(&c->set, &failed);
	check_ca_file(&c->set, &failed);
	if (c->set.wechat_api != NULL)
		warn_open("settings", "wechat_api", c->set.wechat_api);
	check_accounts(c, h, online, &failed);
	http_free(h);
	if (failed == 0)
		(void)printf("ok       %zu account%s\n", c->n, c->n == 1 ? "" : "s");
	return failed == 0 ? CMD_DONE : CMD_WRONG;
}
