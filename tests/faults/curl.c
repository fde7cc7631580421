/*
 * curl.c: a library to preload with which libcurl says that it is OLD_CURL_VERSION ("7.68.0"), does
 * not know the options of which OLD_CURL_REFUSES has the numbers ("318,322", as in curl.h, without
 * the thousands of their types), and has not the protocol OLD_CURL_WITHOUT ("https").
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#undef curl_easy_setopt

typedef CURLcode		 set_fn(CURL *curl, CURLoption option, ...);
typedef curl_version_info_data	*info_fn(CURLversion age);

static char			 version[16], refused[256], without[16];
static const char		*protocols[64];
static curl_version_info_data	 info;

static void
copy_variable(char *to, size_t size, const char *name)
{
	const char	*value = getenv(name);

	(void)snprintf(to, size, "%s", value == NULL ? "" : value);
}

__attribute__((constructor)) static void
begin(void)
{
	copy_variable(version, sizeof(version), "OLD_CURL_VERSION");
	copy_variable(refused, sizeof(refused), "OLD_CURL_REFUSES");
	copy_variable(without, sizeof(without), "OLD_CURL_WITHOUT");
}

static int
is_refused(int option)
{
	const char	*p = refused;

	for (; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (atoi(p) == option % 10000)
			return 1;
	return 0;
}

CURLcode
curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	set_fn	*real;
	va_list	 ap;
	void	*value;

	va_start(ap, option);
	value = va_arg(ap, void *);	/* a long and a curl_off_t are as long */
	va_end(ap);
	if (is_refused((int)option))
		return CURLE_UNKNOWN_OPTION;
	*(void **)&real = dlsym(RTLD_NEXT, "curl_easy_setopt");
	return real(curl, option, value);
}

static void
copy_protocols(const char *const *from)
{
	size_t	 n = 0;

	for (; *from != NULL && n < sizeof(protocols) / sizeof(protocols[0]) - 1; from++)
		if (strcmp(*from, without) != 0)
			protocols[n++] = *from;
	protocols[n] = NULL;
}

curl_version_info_data *
curl_version_info(CURLversion age)
{
	info_fn		*real;
	unsigned	 part[3] = { 0, 0, 0 };

	*(void **)&real = dlsym(RTLD_NEXT, "curl_version_info");
	info = *real(age);
	copy_protocols(info.protocols);
	info.protocols = protocols;
	if (sscanf(version, "%u.%u.%u", &part[0], &part[1], &part[2]) == 3) {
		info.version = version;
		info.version_num = part[0] << 16 | part[1] << 8 | part[2];
	}
	return &info;
}
