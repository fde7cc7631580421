/*
 * ceiling_cgi.c: ceiling.c as a CGI.  It reads the body, posts a fixed one to the sink that
 * CEILING_URL names, with the CA certificates of the directory CEILING_CA, and answers
 * `success`.  It is linked to all libraries of qtoa, because most of a CGI's time is loading them.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BODY_MAX = 64 * 1024,
	POST_SIZE = 1000	/* bytes, as many as the envelope of an ordinary message has */
};

static size_t
discard_body(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

static void
read_body(void)
{
	static char	 body[BODY_MAX];
	const char	*length = getenv("CONTENT_LENGTH");
	long		 left = length == NULL ? 0 : strtol(length, NULL, 10);
	ssize_t		 n;

	while (left > 0 && (n = read(STDIN_FILENO, body, sizeof(body))) > 0)
		left -= n;
}

static CURLcode
post_fixed_body(const char *url)
{
	static char		 text[POST_SIZE];
	struct curl_slist	*headers;
	CURL			*h;

	if ((headers = curl_slist_append(NULL, "Content-Type: application/json")) == NULL ||
	    (h = curl_easy_init()) == NULL)
		return CURLE_FAILED_INIT;
	memset(text, 'x', sizeof(text));
	(void)curl_easy_setopt(h, CURLOPT_URL, url);
	(void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, text);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)sizeof(text));
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, discard_body);
	(void)curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 2500L);
	(void)curl_easy_setopt(h, CURLOPT_CAINFO, NULL);
	(void)curl_easy_setopt(h, CURLOPT_CAPATH, getenv("CEILING_CA"));
	return curl_easy_perform(h);	/* h is freed when the process ends */
}

int
main(void)
{
	const char	*url = getenv("CEILING_URL");

	read_body();
	if (url == NULL || post_fixed_body(url) != CURLE_OK) {
		(void)puts("Status: 503 Service Unavailable\r\nContent-Length: 0\r\n\r");
		return 1;
	}
	(void)fputs("Content-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n\r\n"
	    "success", stdout);
	return 0;
}
