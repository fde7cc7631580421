/*
 * open.c: a library to preload under which a process stays readable in /proc for its own user: a
 * test that is not root counts its descriptors there.
 */
#include <sys/prctl.h>

int
prctl(int option, ...)
{
	(void)option;
	return 0;
}
