/*
 * form.h: the form above the report: account, period, and the question's options.
 */
#ifndef REPORT_FORM_H
#define REPORT_FORM_H

#include "report/layout.h"

/* Writes the form.  wrong: what is wrong with the arguments, as a sentence; "": nothing. */
void	form_put(struct layout *l, const char *wrong);

#endif
