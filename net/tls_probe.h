/*
 * tls_probe.h: a look at a server: its addresses, whether it can be reached, its certificates.
 *
 * It makes no request.  `qtoa check` shows the result.
 */
#ifndef NET_TLS_PROBE_H
#define NET_TLS_PROBE_H

#include "core/proxy.h"
#include "net/http_client.h"

enum { TLS_CERTS = 8, TLS_CERT_TEXT = 160, TLS_PROBE_PEER = 64 };

/* A certificate.  The texts are the server's: print them escaped. */
struct tls_cert {
	char	 subject[TLS_CERT_TEXT];	/* without one: names */
	char	 issuer[TLS_CERT_TEXT];
	char	 names[TLS_CERT_TEXT];	/* hosts: "DNS:qt.example, IP Address:192.0.2.1" */
	int64_t	 from_s, until_s;	/* when it is valid, epoch seconds; 0: not known */
};

/* The step at which a probe failed. */
enum tls_stage {
	TLS_STAGE_LIBCURL,	/* this host's libcurl cannot do it, whatever the server does */
	TLS_STAGE_URL,		/* the text is not a URL of http or https */
	TLS_STAGE_PROXY,	/* the proxy does not answer, or does not lead to the host */
	TLS_STAGE_NAME,		/* the host has no address */
	TLS_STAGE_CONNECT,	/* no connection */
	TLS_STAGE_TRUST,	/* there are no CA certificates to verify with */
	TLS_STAGE_TLS,		/* TLS does not begin, or the certificate is not trusted */
	TLS_STAGE_DONE		/* all went well */
};

struct tls_probe {
	enum tls_stage	 failed;		/* the step; TLS_STAGE_DONE: none failed */
	int		 ms;			/* how long the probe took */
	char		 peer[TLS_PROBE_PEER];	/* the address that was reached; "": no address */
	char		 why[128];		/* what failed, in words; "": nothing */
	char	 proxy[PROXY_WHERE];	/* what is between, and is the peer then; "": nothing */
	bool		 tls;			/* the URL is https */
	struct tls_cert	 certs[TLS_CERTS];	/* as the server sends them: its own first */
	int		 n;			/* of certs; 0: the server does not speak our TLS */
};

/*
 * Makes a connection of its own to where url leads, begins TLS if it is https, and closes it.  If
 * the certificate cannot be verified, it connects a second time to fetch it for *p; nothing is
 * sent on that connection.  deadline_ms is monotonic.
 */
void	tls_probe(struct http_client *h, struct tls_probe *p, const char *url, int64_t deadline_ms);

/* Writes the addresses of a host, as many as have room, with blanks between.  False: no address. */
bool	tls_probe_addresses(char *text, size_t size, const char *host);

#endif
