#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "conf.h"
#include "crypto.h"
#include "forward.h"
#include "json.h"
#include "query.h"
#include "scan.h"

enum { DONE = 0, WRONG = 1, USAGE = 2 };

enum { SEND_MS = 10000, PROBE_MS = 5000 };	/* patience with the other side */

static int
usage(const char *how)
{
	(void)fprintf(stderr, "usage: qtoa %s\n", how);
	return USAGE;
}

static void
print_problem(void *ctx, const char *line)
{
	(void)fprintf(ctx, "failed   %s\n", line);
}

/*
 * check
 */

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

static int
cmd_check(struct conf *c, int problems, int argc, char **argv)
{
	struct forward	*f;
	bool		 online = argc == 2 && strcmp(argv[1], "--online") == 0;
	int		 failed = problems;

	if (argc > 2 || (argc == 2 && !online))
		return usage("check [--online]");
	if ((f = forward_new(&c->set, NULL)) == NULL)
		return WRONG;
	check_state_dir(&c->set, &failed);
	check_ca_file(&c->set, &failed);
	check_accounts(c, f, online, &failed);
	forward_free(f);
	if (failed == 0)
		(void)printf("ok       %zu account%s\n", c->n, c->n == 1 ? "" : "s");
	return failed == 0 ? DONE : WRONG;
}

/*
 * send
 */

/* What playing WeChat needs, and keeps from file to file. */
struct sender {
	const struct conf	*conf;
	const struct account	*account;
	const char		*url;
	struct forward		*forward;
	struct crypto		*crypto;
	struct buf		 xml, body, openid, target, sealed;
	struct http_answer	 answer;
};

static int
read_file(struct buf *b, const char *file, size_t max)
{
	FILE	*f = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
	size_t	 n;
	int	 rc = 0;

	if (f == NULL)
		return -1;
	b->len = 0;
	do {
		if (buf_reserve(b, 4096) != QT_OK) {
			errno = ENOMEM;
			rc = -1;
			break;
		}
		n = fread(b->p + b->len, 1, 4096, f);
		b->len += n;
	} while (n != 0 && b->len <= max);
	if (rc == 0 && ferror(f))
		rc = -1;
	if (f != stdin)
		(void)fclose(f);
	return rc;
}

/* Appends `&name=value`, the value percent-encoded. */
static enum qt_err
put_param(struct buf *b, const char *name, struct slice value)
{
	static const char	 hex[] = "0123456789ABCDEF";
	enum qt_err		 er;
	size_t			 i;
	char			 enc[3] = { '%' };
	unsigned char		 c;

	if ((er = buf_printf(b, "&%s=", name)) != QT_OK)
		return er;
	for (i = 0; i < value.len; i++) {
		c = (unsigned char)value.p[i];
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL) {
			er = buf_putc(b, (char)c);
		} else {
			enc[1] = hex[c >> 4];
			enc[2] = hex[c & 15];
			er = buf_put(b, enc, 3);
		}
		if (er != QT_OK)
			return er;
	}
	return QT_OK;
}

/* The body as WeChat sends it in the account's mode. */
static enum qt_err
put_body(struct sender *s)
{
	static const char	 end[] = "</xml>";
	struct slice		 xml = buf_slice(&s->xml);
	const char		*tail = NULL, *p;
	enum qt_err		 er;

	s->body.len = s->sealed.len = 0;
	if (s->account->mode == PLAIN)
		return buf_put(&s->body, xml.p, xml.len);
	if ((er = crypto_seal(s->crypto, &s->sealed, s->account, xml, NULL)) != QT_OK ||
	    (er = buf_putc(&s->sealed, '\0')) != QT_OK)
		return er;
	if (s->account->mode == SAFE)
		return buf_printf(&s->body, "<xml>\n<ToUserName><![CDATA[gh_qtoasend]]>"
		    "</ToUserName>\n<Encrypt><![CDATA[%s]]></Encrypt>\n</xml>", s->sealed.p);
	for (p = xml.p; p + sizeof(end) - 1 <= xml.p + xml.len; p++)
		if (memcmp(p, end, sizeof(end) - 1) == 0)
			tail = p;
	if (tail == NULL)
		return QT_EXML;
	if ((er = buf_put(&s->body, xml.p, (size_t)(tail - xml.p))) != QT_OK)
		return er;
	return buf_printf(&s->body, "<Encrypt><![CDATA[%s]]></Encrypt>%s", s->sealed.p, end);
}

/* URL with WeChat's parameters, signed now. */
static enum qt_err
put_target(struct sender *s)
{
	static unsigned	 count;
	char		 ts[24], nonce[24], hex[CRYPTO_SHA1_HEX + 1];
	struct slice	 parts[4] = { slice_of(s->account->token), { NULL, 0 }, { NULL, 0 },
			    { s->sealed.p, s->sealed.len == 0 ? 0 : s->sealed.len - 1 } };
	enum qt_err	 er;

	(void)snprintf(ts, sizeof(ts), "%lld", (long long)(clock_wall_ms() / 1000));
	(void)snprintf(nonce, sizeof(nonce), "%u%03u%03u",
	    (unsigned)(clock_wall_ms() % 1000000), (unsigned)getpid() % 1000, count++ % 1000);
	parts[1] = slice_of(ts);
	parts[2] = slice_of(nonce);
	s->target.len = 0;
	if ((er = crypto_sign(s->crypto, hex, parts, 3)) != QT_OK ||
	    (er = buf_printf(&s->target, "%s%csignature=%s&timestamp=%s&nonce=%s", s->url,
	    strchr(s->url, '?') == NULL ? '?' : '&', hex, ts, nonce)) != QT_OK)
		return er;
	if (s->openid.len != 0 &&
	    (er = put_param(&s->target, "openid", buf_slice(&s->openid))) != QT_OK)
		return er;
	if (s->account->mode != PLAIN && ((er = crypto_sign(s->crypto, hex, parts, 4)) != QT_OK ||
	    (er = buf_printf(&s->target, "&encrypt_type=aes&msg_signature=%s", hex)) != QT_OK))
		return er;
	return buf_putc(&s->target, '\0');
}

/* Foreign text on a terminal: one line, no control characters. */
static void
print_text(struct slice text)
{
	size_t	 i;

	for (i = 0; i < text.len && i < 60; i++)
		(void)putchar(text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?');
}

/* True if WeChat would have heard `success`. */
static bool
send_file(struct sender *s, const char *file)
{
	struct http_call	 call = { .xml = true };
	bool			 good;

	if (read_file(&s->xml, file, 1 << 20) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, strerror(errno));
		return false;
	}
	s->openid.len = 0;	/* who has no FromUserName has no openid either */
	if (scan_child(&s->openid, buf_slice(&s->xml), "FromUserName") != QT_OK)
		s->openid.len = 0;
	if (put_body(s) != QT_OK || put_target(s) != QT_OK) {
		(void)fprintf(stderr, "qtoa: %s: cannot be sent in %s mode\n", file,
		    conf_mode_name(s->account->mode));
		return false;
	}
	call.url = s->target.p;
	call.body = buf_slice(&s->body);
	call.deadline_ms = clock_mono_ms() + SEND_MS;
	forward_http(s->forward, &s->answer, &call);
	good = s->answer.status == 200 && slice_is(buf_slice(&s->answer.body), "success");
	(void)printf("%3d ", s->answer.status);
	print_text(s->answer.status == 0 ? slice_of(s->answer.why) :
	    buf_slice(&s->answer.body));
	(void)printf(" %d ms %s\n", s->answer.ms, file);
	return good;
}

static void
sender_fini(struct sender *s)
{
	forward_free(s->forward);
	crypto_free(s->crypto);
	buf_free(&s->xml);
	buf_free(&s->body);
	buf_free(&s->openid);
	buf_free(&s->target);
	buf_free(&s->sealed);
	buf_free(&s->answer.body);
}

static int
cmd_send(struct conf *c, int problems, int argc, char **argv)
{
	struct sender	 s = { .conf = c };
	int		 i, rc = WRONG;

	if (argc < 4)
		return usage("send ACCOUNT URL FILE...");
	if (problems != 0)
		return WRONG;
	if ((s.account = conf_account(c, slice_of(argv[1]))) == NULL) {
		(void)fprintf(stderr, "qtoa: no account has .path \"%s\"\n", argv[1]);
		return WRONG;
	}
	s.url = argv[2];
	s.forward = forward_new(&c->set, NULL);
	s.crypto = crypto_new();
	if (s.forward != NULL && s.crypto != NULL)
		for (rc = DONE, i = 3; i < argc; i++)
			if (!send_file(&s, argv[i]))
				rc = WRONG;
	sender_fini(&s);
	return rc;
}

/*
 * The table of verbs.
 */

static int
cmd_version(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s\n", QTOA_VERSION);
	return DONE;
}

static int	cmd_help(struct conf *c, int problems, int argc, char **argv);

static const struct verb {
	const char	*name;
	const char	*args;
	const char	*what;
	bool		 conf;	/* needs the configuration */
	int		 (*run)(struct conf *c, int problems, int argc, char **argv);
} verbs[] = {
	{ "check", "[--online]", "is the configuration right; online: does QT answer",
	    true, cmd_check },
	{ "send", "ACCOUNT URL FILE...", "play WeChat: send XML files (- is standard input)",
	    true, cmd_send },
	{ "-V", "", "print the version", false, cmd_version },
	{ "-h", "", "print this", false, cmd_help },
};

static int
cmd_help(struct conf *c, int problems, int argc, char **argv)
{
	const struct verb	*v;

	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s: WeChat Official Account events to Quick Tracking\n\n",
	    QTOA_VERSION);
	for (v = verbs; v != verbs + sizeof(verbs) / sizeof(verbs[0]); v++)
		(void)printf("  qtoa %-6s%-21s%s\n", v->name, v->args, v->what);
	(void)printf("\nA web server runs it as CGI or FastCGI, without arguments.\n");
	return DONE;
}

static int
run(const struct verb *v, int argc, char **argv)
{
	struct conf	 c = { 0 };
	int		 problems = 0, rc;

	if (v->conf)
		problems = conf_load(&c, print_problem,
		    strcmp(v->name, "check") == 0 ? stdout : stderr);
	rc = v->run(&c, problems, argc, argv);
	conf_free(&c);
	if (fflush(stdout) != 0 && rc == DONE)
		rc = WRONG;
	return rc;
}

int
cmd_main(int argc, char **argv)
{
	const struct verb	*v;
	const char		*name = argc < 2 ? "-h" : argv[1];

	if (strcmp(name, "--version") == 0)
		name = "-V";
	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
		name = "-h";
	for (v = verbs; v != verbs + sizeof(verbs) / sizeof(verbs[0]); v++)
		if (strcmp(name, v->name) == 0)
			return run(v, argc - 1, argv + 1);
	(void)fprintf(stderr, "qtoa: no verb \"%s\"; run: qtoa -h\n", name);
	return USAGE;
}
