#include <string.h>

#include "reply/media_form.h"

#define BOUNDARY	"qtoa-7d1f0c2b9a5e4386"

const char	 media_form_type[] = "multipart/form-data; boundary=" BOUNDARY;

/* How a kind of material is uploaded, by the first bytes of the file. */
static const struct format {
	const char	*kind, *magic, *name, *type;
} formats[] = {
	{ "image", "\xFF\xD8\xFF", "image.jpg", "image/jpeg" },
	{ "image", "\x89PNG", "image.png", "image/png" },
	{ "image", "GIF8", "image.gif", "image/gif" },
	{ "image", "BM", "image.bmp", "image/bmp" },
	{ "voice", "#!AMR", "voice.amr", "audio/amr" },
	{ "voice", "ID3", "voice.mp3", "audio/mpeg" },
	{ "voice", "\xFF", "voice.mp3", "audio/mpeg" },
	{ "voice", "RIFF", "voice.wav", "audio/wav" },
	{ "image", "", "image.jpg", "image/jpeg" },
	{ "voice", "", "voice.amr", "audio/amr" },
	{ "video", "", "video.mp4", "video/mp4" },
};

static const struct format *
format_of(const char *kind, struct slice file)
{
	const struct format	*f = formats;
	size_t			 len;

	for (;; f++) {
		len = strlen(f->magic);
		if (strcmp(f->kind, kind) == 0 && file.len >= len &&
		    (len == 0 || memcmp(file.p, f->magic, len) == 0))
			return f;
	}
}

enum error
media_form_write(struct buf *form, const char *kind, struct slice file)
{
	const struct format	*f = format_of(kind, file);
	enum error		 er;

	if ((er = buf_printf(form, "--" BOUNDARY "\r\nContent-Disposition: form-data; "
	    "name=\"media\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n", f->name,
	    f->type)) != ERR_OK || (er = buf_put(form, file.p, file.len)) != ERR_OK)
		return er;
	if (strcmp(kind, "video") == 0 && (er = buf_puts(form, "\r\n--" BOUNDARY "\r\n"
	    "Content-Disposition: form-data; name=\"description\"\r\n\r\n"
	    "{\"title\":\"video\",\"introduction\":\"\"}")) != ERR_OK)
		return er;
	return buf_puts(form, "\r\n--" BOUNDARY "--\r\n");
}
