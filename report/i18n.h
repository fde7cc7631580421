/*
 * i18n.h: what the report says, in the reader's language.
 */
#ifndef REPORT_I18N_H
#define REPORT_I18N_H

#include "core/buf.h"

enum language { ENGLISH, CHINESE, LANGUAGE__MAX };

/* The language that suits an Accept-Language (RFC 9110, 12.5.4) best; absent: English. */
enum language	 i18n_language(struct slice accept);
const char	*i18n_tag(enum language l);	/* "en", "zh-CN" */

/*
 * The words for a key: a question's name ("funnel"), a column's ("devices"), an event code, a
 * word of the page ("period").  NULL: there are none.
 */
const char	*i18n_text(enum language l, const char *key);

#endif
