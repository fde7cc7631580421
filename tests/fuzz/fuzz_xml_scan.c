#include <string.h>

#include "fuzz.h"
#include "wechat/xml_scan.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf	 out = { .p = NULL };
	char		*p = exactly(data, size);
	enum error	 er;

	er = xml_scan_child(&out, (struct slice){ p, size }, "Encrypt");
	must(er == ERR_OK || er == ERR_XML, "found or not");
	must(out.len <= 5 * size, "a repaired text is not longer than it may be");
	must(er != ERR_OK || size > strlen("<xml><Encrypt/></xml>") - 1, "room for the element");
	buf_free(&out);
	free(p);
	return 0;
}
