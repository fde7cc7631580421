#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/lang.h"
#include "crypto.h"
#include "net/http_client.h"
#include "passive.h"
#include "wechat/around.h"
#include "wechat/xml_scan.h"

enum {
	SEND_MS = 10000,	/* how long an answer is waited for; WeChat waits 5 s */
	ANSWER_COLUMNS = 60	/* of an answer that is printed */
};

/* The sender of all files: the connection, and buffers that each file uses again. */
struct sender {
	const struct conf	*conf;
	const struct account	*account;
	const char		*url;
	struct http_client	*http;
	struct crypto		*crypto;
	unsigned char		 random[CRYPTO_RANDOM];
	struct buf		 xml, body, openid, target, sealed;
	struct http_answer	 answer;
};

/* Appends `&name=value`, with the value percent-encoded. */
static enum error
append_param(struct buf *b, const char *name, struct slice value)
{
	static const char	 hex[] = "0123456789ABCDEF";
	enum error		 er;
	size_t			 i;
	char			 enc[3] = { '%' };
	unsigned char		 c;

	if ((er = buf_printf(b, "&%s=", name)) != ERR_OK)
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
		if (er != ERR_OK)
			return er;
	}
	return ERR_OK;
}

/* Reads the bytes with which a sealed message begins.  False: errno says why. */
static bool
read_random(unsigned char random[CRYPTO_RANDOM])
{
	struct buf	 b = { 0 };
	bool		 good = false;

	if (buf_read_file(&b, "/dev/urandom", CRYPTO_RANDOM) == 0) {
		if ((good = b.len >= CRYPTO_RANDOM))
			memcpy(random, b.p, CRYPTO_RANDOM);
		else
			errno = EIO;
	}
	buf_free(&b);
	return good;
}

/* Makes the body of safe mode: ToUserName of the message beside Encrypt. */
static enum error
make_safe_body(struct sender *s)
{
	struct buf	 sealed = { 0 };
	enum error	 er;

	if ((er = buf_printf(&sealed, "<xml><Encrypt>%s</Encrypt></xml>", s->sealed.p)) == ERR_OK)
		er = around_write(&s->body, SAFE, buf_slice(&sealed), buf_slice(&s->xml));
	buf_free(&sealed);
	return er;
}

/* Makes the body as WeChat sends it in the account's mode. */
static enum error
make_push_body(struct sender *s)
{
	static const char	 end[] = "</xml>";
	struct slice		 xml = buf_slice(&s->xml);
	const char		*tail = NULL, *p;
	enum error		 er;

	s->body.len = s->sealed.len = 0;
	if (s->account->mode == PLAIN)
		return buf_put(&s->body, xml.p, xml.len);
	if ((er = crypto_seal(&s->sealed, s->account, xml, s->random)) != ERR_OK ||
	    (er = buf_putc(&s->sealed, '\0')) != ERR_OK)
		return er;
	if (s->account->mode == SAFE)
		return make_safe_body(s);
	for (p = xml.p; p + sizeof(end) - 1 <= xml.p + xml.len; p++)
		if (memcmp(p, end, sizeof(end) - 1) == 0)
			tail = p;
	if (tail == NULL)
		return ERR_XML;
	if ((er = buf_put(&s->body, xml.p, (size_t)(tail - xml.p))) != ERR_OK)
		return er;
	return buf_printf(&s->body, "<Encrypt><![CDATA[%s]]></Encrypt>%s", s->sealed.p, end);
}

/* Makes the URL with WeChat's parameters and a signature of this moment. */
static enum error
make_push_url(struct sender *s)
{
	static unsigned	 count;
	char		 ts[24], nonce[24], hex[CRYPTO_SHA1_HEX + 1];
	struct slice	 parts[4] = { slice_of(s->account->token), { NULL, 0 }, { NULL, 0 },
			    { s->sealed.p, s->sealed.len == 0 ? 0 : s->sealed.len - 1 } };
	enum error	 er;

	(void)snprintf(ts, sizeof(ts), "%lld", (long long)(clock_wall_ms() / 1000));
	(void)snprintf(nonce, sizeof(nonce), "%u%03u%03u",
	    (unsigned)(clock_wall_ms() % 1000000), (unsigned)getpid() % 1000, count++ % 1000);
	parts[1] = slice_of(ts);
	parts[2] = slice_of(nonce);
	s->target.len = 0;
	crypto_sign(s->crypto, hex, parts, 3);
	if ((er = buf_printf(&s->target, "%s%csignature=%s&timestamp=%s&nonce=%s", s->url,
	    strchr(s->url, '?') == NULL ? '?' : '&', hex, ts, nonce)) != ERR_OK)
		return er;
	if (s->openid.len != 0 &&
	    (er = append_param(&s->target, "openid", buf_slice(&s->openid))) != ERR_OK)
		return er;
	if (s->account->mode != PLAIN) {
		crypto_sign(s->crypto, hex, parts, 4);
		if ((er = buf_printf(&s->target, "&encrypt_type=aes&msg_signature=%s",
		    hex)) != ERR_OK)
			return er;
	}
	return buf_putc(&s->target, '\0');
}

/* Prints an answer as one short line. */
static void
print_answer_text(struct slice text)
{
	struct buf	 line = { 0 };

	while (text.len != 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (format_line(&line, NULL, text, ANSWER_COLUMNS) == ERR_OK)
		session_print(&line);
	buf_free(&line);
}

/* Prints the answer.  True: WeChat takes it: `success`, nothing, or a reply to the user. */
static bool
show_answer(struct sender *s)
{
	const struct slice	 body = buf_slice(&s->answer.body);
	struct passive_judged	 j = { .why = "" };
	bool			 good;

	good = s->answer.status == 200 && passive_judge(&j, s->crypto, s->account,
	    buf_slice(&s->openid), body) == ERR_OK && j.is != PASSIVE_BAD;
	(void)printf("%3d ", s->answer.status);
	print_answer_text(s->answer.status == 0 ? slice_of(s->answer.why) : good &&
	    j.xml.p != NULL ? j.xml : body);
	passive_judged_free(&j);
	return good;
}

/* Sends the message of a file.  True: the answer is good. */
static bool
send_file(struct sender *s, const char *file)
{
	struct http_call	 call = { .xml = true, .direct = true };
	bool			 good;

	if (buf_read_file(&s->xml, file, 1 << 20) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, lang_errno(errno));
		return false;
	}
	s->openid.len = 0;	/* a message without FromUserName has no openid */
	if (xml_scan_child(&s->openid, buf_slice(&s->xml), "FromUserName") != ERR_OK)
		s->openid.len = 0;
	if (s->account->mode != PLAIN && !read_random(s->random)) {
		(void)fprintf(stderr, "qtoa: /dev/urandom: %s\n", strerror(errno));
		return false;
	}
	if (make_push_body(s) != ERR_OK || make_push_url(s) != ERR_OK) {
		(void)fprintf(stderr, lang_text("qtoa: %s: cannot be sent in %s mode; is it "
		    "XML?\n"), file, lang_text(conf_mode_name(s->account->mode)));
		return false;
	}
	call.url = s->target.p;
	call.body = buf_slice(&s->body);
	call.deadline_ms = clock_mono_ms() + SEND_MS;
	http_client_do(s->http, &s->answer, &call);
	good = show_answer(s);
	(void)printf(" %d ms %s\n", s->answer.ms, file);
	return good;
}

static void
close_sender(struct sender *s)
{
	http_client_free(s->http);
	crypto_free(s->crypto);
	buf_free(&s->xml);
	buf_free(&s->body);
	buf_free(&s->openid);
	buf_free(&s->target);
	buf_free(&s->sealed);
	buf_free(&s->answer.body);
}

int
cmd_send_run(struct conf *c, int problems, int argc, char **argv)
{
	struct sender	 s = { .conf = c };
	int		 i, rc = CLI_WRONG;

	if (argc < 4)
		return cli_usage("send");
	if (problems != 0)
		return CLI_WRONG;
	if ((s.account = conf_account(c, slice_of(argv[1]))) == NULL) {
		suggest_account(c, ".path", argv[1]);
		return CLI_WRONG;
	}
	s.url = argv[2];
	s.http = http_client_new(&c->set, NULL);
	s.crypto = crypto_new();
	if (s.http == NULL || s.crypto == NULL)
		rc = session_say_no_handle();
	else
		for (rc = CLI_DONE, i = 3; i < argc; i++)
			if (!send_file(&s, argv[i]))
				rc = CLI_WRONG;
	close_sender(&s);
	return rc;
}
