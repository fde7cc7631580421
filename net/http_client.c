#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "net/curl_handle.h"
#include "net/http_client.h"

struct http_client *
http_client_new(const struct settings *set, const _Atomic int64_t *stop_ms)
{
	struct http_client	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->set = set;
	h->stop_ms = stop_ms;
	ca_store_init(&h->ca_store, set->ca_file);
	(void)pthread_mutex_init(&h->lock, NULL);
	/* The configuration has reported a wrong address, and nothing may go around it. */
	if (conf_is_set(set->proxy) && proxy_parse(&h->proxy, set->proxy) != NULL)
		curl_handle_copy(h->proxy.where, sizeof(h->proxy.where), "http://proxy.invalid:1");
	return h;
}

void
http_client_free(struct http_client *h)
{
	struct curl_handle	*t;

	if (h == NULL)
		return;
	while ((t = h->top) != NULL) {
		h->top = t->below;
		curl_handle_free(t);
	}
	curl_slist_free_all(h->json);
	curl_slist_free_all(h->xml);
	if (h->ready)
		curl_global_cleanup();
	ca_store_fini(&h->ca_store);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

static struct curl_handle *
take_handle(struct http_client *h)
{
	struct curl_handle	*t;

	if (!curl_handle_start(h))
		return NULL;
	(void)pthread_mutex_lock(&h->lock);
	if ((t = h->top) != NULL)
		h->top = t->below;
	(void)pthread_mutex_unlock(&h->lock);
	return t != NULL ? t : curl_handle_new(h);
}

static void
give_back_handle(struct http_client *h, struct curl_handle *t)
{
	(void)pthread_mutex_lock(&h->lock);
	t->below = h->top;
	h->top = t;
	(void)pthread_mutex_unlock(&h->lock);
}

static void
transfer_call(struct curl_handle *t, struct http_answer *a, const struct http_call *call)
{
	if (!curl_handle_set_call(t, a, call))
		return;
	do
		if (!curl_handle_set_time(t, call->deadline_ms))
			return;
	while (!curl_handle_settle(t, (int)curl_easy_perform(t->curl)));
}

void
http_client_do(struct http_client *h, struct http_answer *a, const struct http_call *call)
{
	struct curl_handle	*t;

	curl_handle_reset_answer(a);
	if (call->deadline_ms - a->begin_ms < CURL_HANDLE_MIN_MS) {
		curl_handle_copy(a->why, sizeof(a->why), curl_handle_late);
	} else if ((t = take_handle(h)) == NULL) {
		curl_handle_refuse(h, a);
	} else {
		transfer_call(t, a, call);
		give_back_handle(h, t);
		a->ms = (int)(clock_mono_ms() - a->begin_ms);
	}
}

/* False: libcurl, which has started, was not built with the scheme of the URL. */
static bool
has_scheme(const struct http_client *h, const char *url)
{
	const curl_version_info_data	*info = h->libcurl;
	const size_t			 len = strcspn(url, ":");
	const char *const		*name = info->protocols;

	while (*name != NULL && (strlen(*name) != len || strncasecmp(*name, url, len) != 0))
		name++;
	return *name != NULL;
}

/* Makes a first handle, which the next request uses.  libcurl may not know all of its options. */
static void
try_handle(struct http_client *h)
{
	struct curl_handle	*t = take_handle(h);

	if (t != NULL)
		give_back_handle(h, t);
	(void)pthread_mutex_lock(&h->lock);
	h->tried = true;
	(void)pthread_mutex_unlock(&h->lock);
}

/* Copies what libcurl is known to lack.  False: no handle was made yet, which would show it. */
static bool
read_lack(struct http_client *h, char why[HTTP_CLIENT_LACK])
{
	bool	 tried;

	(void)pthread_mutex_lock(&h->lock);
	tried = h->tried;
	curl_handle_copy(why, HTTP_CLIENT_LACK, h->lack);
	(void)pthread_mutex_unlock(&h->lock);
	return tried;
}

bool
http_client_lacks(struct http_client *h, char why[HTTP_CLIENT_LACK], const char *url)
{
	if (curl_handle_start(h) && !has_scheme(h, url)) {
		(void)snprintf(why, HTTP_CLIENT_LACK, "libcurl %s was built without %.*s",
		    ((const curl_version_info_data *)h->libcurl)->version,
		    (int)strcspn(url, ":"), url);
		return true;
	}
	if (!read_lack(h, why)) {
		try_handle(h);
		(void)read_lack(h, why);
	}
	return *why != '\0';
}

void
http_client_version(char text[HTTP_CLIENT_LACK])
{
	const curl_version_info_data	*info = curl_version_info(CURLVERSION_NOW);

	(void)snprintf(text, HTTP_CLIENT_LACK, "%s (%s)", info->version,
	    info->ssl_version == NULL ? "no TLS" : info->ssl_version);
}

const char *
http_client_ca_file(const struct http_client *h)
{
	return ca_store_file(&h->ca_store);
}

const char *
http_client_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
