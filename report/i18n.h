/*
 * i18n.h: the texts of the report in the reader's language.
 */
#ifndef REPORT_I18N_H
#define REPORT_I18N_H

#include "core/buf.h"
#include "core/lang.h"
#include "report/questions.h"

/* The language that fits an Accept-Language header best (RFC 9110, 12.5.4); absent: English. */
enum language	 i18n_language(struct slice accept);
const char	*i18n_tag(enum language l);	/* "en", "zh-CN" */

/*
 * The text for a key: the name of a question ("funnel"), a column ("devices"), an option or an
 * event code, or a key of the page ("period").  Without a text i18n_find() returns NULL, and
 * i18n_text() the key.
 */
const char	*i18n_find(enum language l, const char *key);
const char	*i18n_text(enum language l, const char *key);

/* What is wrong with an argument; for QUESTIONS_OK: "". */
const char	*i18n_error(enum language l, enum questions_error e);

#endif
