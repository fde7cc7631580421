#!/bin/sh
# style.sh PAGE.CSS: prints the style sheet as C source for style.h, without comments and indents,
# and the headers with its SHA-256 in base64: the Content-Security-Policy allows only this sheet.
set -eu
export LC_ALL=C
css=$(sed -e 's|/\*.*\*/||' -e 's/^[[:space:]]*//' -e '/^$/d' "$1")
hash=sha256-$(printf '%s\n' "$css" | sha256sum | cut -c 1-64 | tr a-f A-F |
    basenc -d --base16 -i | base64)
printf '#include "report/style.h"\n\nconst char style_text[] =\n'
printf '%s\n' "$css" | sed -e 's/["\\]/\\&/g' -e 's/.*/    "&\\n"/'
cat <<END
;

const char *const style_headers[LANGUAGE__MAX] = {
	[ENGLISH] = STYLE_PAGE("$hash", "en"),
	[CHINESE] = STYLE_PAGE("$hash", "zh-CN"),
};
END
