/*
 * ceiling.c: a FastCGI program that does the least that a forwarder must do, so that its speed is
 * the most that qtoa could reach behind the same web server.  It reads the body, posts a fixed
 * one to the sink and answers `success`.  It has no signatures, no encryption, no JSON, no log
 * and no limits.
 *	ceiling THREADS SINK_URL
 */
#include <curl/curl.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BODY_MAX = 64 * 1024,
	POST_SIZE = 1000	/* bytes, as many as the envelope of an ordinary message has */
};

static const char	*sink;
static char		 post[POST_SIZE];

static const char answer_good[] = "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 7\r\n\r\nsuccess";
static const char answer_bad[] = "Status: 503 Service Unavailable\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n\r\n";

static size_t
discard_body(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

static CURL *
handle_new(struct curl_slist *headers)
{
	CURL	*h = curl_easy_init();

	if (h == NULL)
		return NULL;
	(void)curl_easy_setopt(h, CURLOPT_URL, sink);
	(void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, post);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)sizeof(post));
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, discard_body);
	(void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 2500L);
	return h;
}

static void *
serve_requests(void *headers)
{
	static _Thread_local char	 body[BODY_MAX];
	CURL				*h = handle_new(headers);
	FCGX_Request			 r;
	const char			*length;
	long				 len;

	if (h == NULL || FCGX_InitRequest(&r, 0, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&r) >= 0) {
		length = FCGX_GetParam("CONTENT_LENGTH", r.envp);
		len = length == NULL ? 0 : strtol(length, NULL, 10);
		if (len > 0 && len <= BODY_MAX)
			(void)FCGX_GetStr(body, (int)len, r.in);
		(void)FCGX_PutS(curl_easy_perform(h) == CURLE_OK ? answer_good : answer_bad,
		    r.out);
		FCGX_Finish_r(&r);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct curl_slist	*headers = NULL;
	pthread_t		 t;
	long			 threads;

	if (argc != 3 || (threads = strtol(argv[1], NULL, 10)) < 1) {
		(void)fprintf(stderr, "usage: ceiling THREADS SINK_URL\n");
		return 2;
	}
	sink = argv[2];
	memset(post, 'x', sizeof(post));
	if (curl_global_init(CURL_GLOBAL_ALL) != 0 || FCGX_Init() != 0 ||
	    (headers = curl_slist_append(NULL, "Content-Type: application/json")) == NULL)
		return 1;
	while (--threads > 0)
		if (pthread_create(&t, NULL, serve_requests, headers) != 0)
			return 1;
	(void)serve_requests(headers);
	return 0;
}
