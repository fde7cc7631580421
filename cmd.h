/*
 * cmd.h: the command line.  Verbs are a table; each prints to stdout, complaints go to
 * stderr, and the exit status is 0 done, 1 something was found wrong, 2 wrong usage.
 */
#ifndef CMD_H
#define CMD_H

int	cmd_main(int argc, char **argv);

#endif
