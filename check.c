#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "conf.h"
#include "forward.h"
#include "json.h"

enum { PROBE_MS = 5000 };	/* patience with QT */

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
probe(struct forward *f, const struct account *a, int *failed)
{
	struct http_answer	 answer = { 0 };
	const struct http_call	 call = {
		.url = a->qt_url, .body = slice_of("{}"),
		.deadline_ms = clock_mono_ms() + PROBE_MS,
	};
	struct json		*j;
	struct slice		 code = { NULL, 0 };

	forward_http(f, &answer, &call);
	j = json_parse(buf_slice(&answer.body));
	if (j != NULL)
		code = json_text(j, "code");
	if (answer.status == 0)
		(void)printf("failed   %s: %s: %s\n", a->name, a->qt_url, answer.why);
	else if (code.p == NULL)
		(void)printf("failed   %s: %s: HTTP %d, and the answer is not QT's\n", a->name,
		    a->qt_url, answer.status);
	else
		(void)printf("ok       %s: %s answers %.*s in %d ms\n", a->name, a->qt_url,
		    (int)code.len, code.p, answer.ms);
	*failed += code.p == NULL;
	json_free(j);
	buf_free(&answer.body);
}

static void
check_accounts(const struct conf *c, struct forward *f, bool online, int *failed)
{
	const struct account	*a;

	for (a = c->accounts; a != c->accounts + c->n; a++) {
		if (a->name == NULL || a->qt_url == NULL)	/* already said */
			continue;
		(void)printf("account  %s: .../%s, %s mode, %s%s, to %s\n", a->name, a->path,
		    conf_mode_name(a->mode), a->appid, a->aes_key_old != NULL &&
		    *a->aes_key_old != '\0' ? ", old key accepted" : "", a->qt_url);
		if (a->mode == PLAIN)
			(void)printf("warning  %s: in plain mode WeChat does not sign the "
			    "body\n", a->name);
		if (strncmp(a->qt_url, "http:", 5) == 0 &&
		    strncmp(a->qt_url, "http://127.", 11) != 0 &&
		    strncmp(a->qt_url, "http://localhost", 16) != 0)
			(void)printf("warning  %s: qt_url is not https: anyone on the way "
			    "reads it\n", a->name);
		if (online)
			probe(f, a, failed);
	}
}

int
check_run(struct conf *c, int problems, int argc, char **argv)
{
	struct forward	*f;
	bool		 online = argc == 2 && strcmp(argv[1], "--online") == 0;
	int		 failed = problems;

	if (argc > 2 || (argc == 2 && !online))
		return cmd_usage("check [--online]");
	if ((f = forward_new(&c->set, NULL)) == NULL)
		return CMD_WRONG;
	check_state_dir(&c->set, &failed);
	check_ca_file(&c->set, &failed);
	check_accounts(c, f, online, &failed);
	forward_free(f);
	if (failed == 0)
		(void)printf("ok       %zu account%s\n", c->n, c->n == 1 ? "" : "s");
	return failed == 0 ? CMD_DONE : CMD_WRONG;
}
