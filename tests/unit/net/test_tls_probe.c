#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/tls_probe.h"
#include "tests/unit/job.h"
#include "tests/unit/unit.h"

/* A probe says how far it came, and sends no request. */
static void
probes(void **state)
{
	char			 refused[PEER_URL], mute[PEER_URL], url[PEER_URL], tls[PEER_URL];
	const int		 one = peer_refused(refused), other = peer_mute(mute);
	struct peer		*p = peer_new();
	const struct {
		const char	*name, *url;
		int		 ms;
		enum tls_stage	 failed;
		bool		 tls;
		const char	*peer;
	} cases[] = {
		{ "there", url, JOB_PATIENCE_MS, TLS_STAGE_DONE, false, "127.0.0.1" },
		{ "no TLS", tls, JOB_PATIENCE_MS, TLS_STAGE_TLS, true, "127.0.0.1" },
		{ "silent", mute, JOB_SHORT_MS, TLS_STAGE_TLS, true, "127.0.0.1" },
		{ "refused", refused, JOB_PATIENCE_MS, TLS_STAGE_CONNECT, false, "" },
		{ "another protocol", "ftp://127.0.0.1/", JOB_PATIENCE_MS, TLS_STAGE_URL, false,
		    "" },
		{ "no URL", "http://[", JOB_PATIENCE_MS, TLS_STAGE_URL, false, "" },
		{ "late", url, 0, TLS_STAGE_CONNECT, false, "" },
	};
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct tls_probe	 probe;
	size_t			 i;

	(void)state;
	assert_true(p != NULL && h != NULL && one != -1 && other != -1);
	peer_url(p, url, "ok");
	(void)snprintf(tls, sizeof(tls), "https%.*s", PEER_URL - 6, url + 4);
	for (i = 0; i < COUNT(cases); i++) {
		tls_probe(h, &probe, cases[i].url, clock_mono_ms() + cases[i].ms);
		check_int(cases[i].name, probe.failed, cases[i].failed);
		check_int(cases[i].name, probe.tls, cases[i].tls);
		check_int(cases[i].name, probe.n, 0);
		check_text(cases[i].name, probe.peer, cases[i].peer);
		check_int(cases[i].name, *probe.why == '\0', probe.failed == TLS_STAGE_DONE);
	}
	check_int("requests", peer_requests(p), 0);
	(void)close(one);
	(void)close(other);
	http_client_free(h);
	peer_free(p);
}

static void
addresses(void **state)
{
	static const struct {
		const char	*host;
		size_t		 size;
		const char	*want;
	} cases[] = {
		{ "127.0.0.1", 64, "127.0.0.1" }, { "::1", 64, "::1" }, { "::1", 4, "" },
		{ "::1", 5, "::1" }, { "::1", 1, "" },
	};
	char	 text[64];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CHECK(cases[i].host, tls_probe_addresses(text, cases[i].size, cases[i].host));
		check_text(cases[i].host, text, cases[i].want);
	}
	CHECK("no address", !tls_probe_addresses(text, sizeof(text), "256.256.256.256.") &&
	    *text == '\0');
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(probes), TEST(addresses),
	};

	return RUN("tls_probe", tests);
}
