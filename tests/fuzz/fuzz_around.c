#include <string.h>

#include "fuzz.h"
#include "wechat/around.h"
#include "wechat/xml_scan.h"

/* Only such a text can have been decrypted. */
static bool
is_base64(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '\0' || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789+/=", s.p[i]) == NULL)
			return false;
	return s.len != 0;
}

static bool
ends_as_xml(struct slice s)
{
	while (s.len != 0 && strchr(" \t\r\n", s.p[s.len - 1]) != NULL && s.p[s.len - 1] != '\0')
		s.len--;
	return s.len >= 6 && memcmp(s.p + s.len - 6, "</xml>", 6) == 0;
}

/* A body and a message, with a NUL between them.  What is written agrees. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t	*nul = size != 0 ? memchr(data, '\0', size) : NULL;
	const size_t	 len = nul != NULL ? (size_t)(nul - data) : size;
	char		*p = exactly(data, len);
	char		*q = exactly(nul != NULL ? nul + 1 : data, nul != NULL ? size - len - 1 : 0);
	struct slice	 body = { p, len }, xml = { q, nul != NULL ? size - len - 1 : 0 };
	struct buf	 encrypt = { .p = NULL }, out = { .p = NULL };
	enum error	 er = xml_scan_child(&encrypt, body, "Encrypt");

	(void)around_agrees(SAFE, body, xml);
	if (around_agrees(COMPATIBLE, body, xml))
		must(body.len >= strlen("<xml><Encrypt/></xml>"), "room for the element");
	if (er == ERR_OK && is_base64(buf_slice(&encrypt))) {
		must(around_write(&out, SAFE, body, xml) == ERR_OK, "safe");
		must(around_write(&out, COMPATIBLE, body, xml) == ERR_OK, "compatible");
		must(!ends_as_xml(xml) || around_agrees(COMPATIBLE, buf_slice(&out), xml),
		    "what was written agrees");
	}
	buf_free(&encrypt);
	buf_free(&out);
	free(p);
	free(q);
	return 0;
}
