/*
 * xmlmap_tool: gives the Python tests of this directory access to xmlmap.c.
 *
 *	xmlmap_tool table	prints the table:
 *				{"types":{name:code},"fields":{code:{key:type}}}
 *	xmlmap_tool map		reads texts, each after its length in decimal and a line end;
 *				prints a line of JSON for each, or what is wrong; before a JSON
 *				of repaired XML there is a "!"
 *	xmlmap_tool broken	gives broken XML to mxml itself, in two threads
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmlmap.c"	/* the table is private to it */

static const char	*comma;

static void
print_row(const char *kind, const struct type_row *r)
{
	for (; r->type != NULL; r++, comma = ",")
		printf("%s\"%s:%s\":\"%s\"", comma, kind, r->type, r->mapping->code);
}

static void
print_fields(const struct mapping *m)
{
	const struct key_rule	*f;

	printf("\"%s\":{", m->code);
	for (f = m->fields, comma = ""; f->key != NULL; f++, comma = ",")
		printf("%s\"%s\":\"%s\"", comma, f->key, f->rule == NUMBER ? "number" : "string");
	printf("}");
}

static void
print_table(void)
{
	const struct type_row	*all[] = { events, messages }, *r;
	const char		*between = "";
	size_t			 i;

	printf("{\"types\":{");
	comma = "";
	print_row("event", events);
	print_row("message", messages);
	printf("},\"fields\":{");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (r = all[i]; r->type != NULL; r++) {
			if (r != all[i] && r->mapping == r[-1].mapping)
				continue;
			printf("%s", between);
			print_fields(r->mapping);
			between = ",";
		}
	printf("}}\n");
}

static int
map_texts(void)
{
	struct xmlmap	*m = xmlmap_new(NULL);
	struct event	 ev = { .nattr = 0 };
	struct buf	 out = { .p = NULL };
	size_t		 len;
	char		*xml;

	if (m == NULL)
		return 1;
	while (scanf("%zu", &len) == 1 && getchar() == '\n') {
		if ((xml = malloc(len + 1)) == NULL || fread(xml, 1, len, stdin) != len)
			return 1;
		buf_reset(&out);
		if (xmlmap_event(m, &ev, (struct slice){ xml, len }) != ERR_OK)
			printf("refused: %s\n", xmlmap_why(m));
		else if (event_json(&out, &ev) == ERR_OK)
			printf("%s%.*s\n", *xmlmap_repaired(m) != '\0' ? "!" : "",
			    (int)out.len, out.p);
		free(xml);
	}
	buf_free(&out);
	event_free(&ev);
	xmlmap_free(m);
	return ferror(stdin) || ferror(stdout) || fflush(stdout) != 0;
}

/* NULL: mxml refuses the text, as it should. */
static void *
load_broken(void *xml)
{
	return load_tree(xml);
}

static int
load_broken_twice(void)
{
	char		 xml[] = "<xml><a>&nosuch;</b></xml>";
	pthread_t	 thread;
	void		*root;

	if (load_broken(xml) != NULL ||
	    pthread_create(&thread, NULL, load_broken, xml) != 0 ||
	    pthread_join(thread, &root) != 0)
		return 1;
	return root != NULL;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "table") == 0)
		print_table();
	else if (argc == 2 && strcmp(argv[1], "map") == 0)
		return map_texts();
	else if (argc == 2 && strcmp(argv[1], "broken") == 0)
		return load_broken_twice();
	else
		return 2;
	return 0;
}
