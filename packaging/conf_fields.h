/*
 * conf_fields.h: the names of all fields of the configuration.  The build makes the table out of
 * core/conf.h (packaging/conf_fields.sh).
 */
#ifndef PACKAGING_CONF_FIELDS_H
#define PACKAGING_CONF_FIELDS_H

#include <stddef.h>

enum conf_in { CONF_IN_ACCOUNT, CONF_IN_SETTINGS, CONF_IN_RELAY };

enum conf_field_type {
	CONF_FIELD_TEXT,
	CONF_FIELD_NUMBER,
	CONF_FIELD_WORD,	/* one of some words */
	CONF_FIELD_RELAYS	/* braces, with the braces of each relay in them */
};

struct conf_field {
	enum conf_in		 in;
	enum conf_field_type	 type;
	const char		*name;
	const char		*words;	/* "SAFE COMPATIBLE PLAIN"; of relays: how many, "8" */
};

extern const struct conf_field	 conf_fields[];		/* ended by name NULL */

#endif
