#include <string.h>

#include "cli/verb.h"

/* Options that several verbs have. */
#define ACCOUNT		{ "--account", "ACCOUNT", "only this one: its path, name or AppID", false }
#define FROM		{ "--from", "DAY", "first day, YYYY-MM-DD, in China (UTC+8)", false }
#define TO		{ "--to", "DAY", "last day, which is included", false }
#define JSON_OR_CSV	{ "--json", NULL, "as JSON", true }, { "--csv", NULL, "as CSV", false }

const struct verb verb_table[] = {
	{ "check", "", "find what is wrong: files, store, disk, QT, certificates",
	  .topic = VERB_DAILY,
	  .about = "Checks the configuration, who may read and write its files, the store and its "
	    "disk.  Then it asks QT, the control servers and WeChat, and checks names, "
	    "connections, certificates and clocks; QT gets an unsigned request, which it "
	    "refuses.  With .secret, WeChat tells how it sees this host.  Each result "
	    "is a line: ok, warning or failed, and what to do.  When root runs it, it works as "
	    "the user who owns settings.state_dir; any other user must be the one that the web "
	    "server runs qtoa as.",
	  .status = "0 nothing failed, 1 something failed",
	  .options = {
	    { "--offline", NULL, "ask nobody: check this host only", true },
	    { "--online", NULL, "ask everybody (the default)", false },
	    { "--json", NULL, "one JSON document", false },
	  },
	  .examples = { "qtoa check", "qtoa check --offline", "qtoa check --json" } },
	{ "config", "[ACCOUNT]", "print each value, and where it comes from",
	  .topic = VERB_SETUP,
	  .about = "Prints each setting and each account as this program has them: the value, and "
	    "whether it comes from config.h, a file or a variable, or is the default.  Of a "
	    "secret it prints the length, never a character.  A value that is wrong or probably a "
	    "mistake has a line below it that says why.  The first lines are the versions of qtoa "
	    "and its libraries.",
	  .status = "0 all values are usable, 1 some are not",
	  .options = { { "--json", NULL, "one JSON document", false } },
	  .examples = { "qtoa config", "qtoa config shop", "qtoa config --json" } },
	{ "map", "[FILE...]", "translate WeChat's XML to QT's events, as JSON lines",
	  .topic = VERB_SETUP,
	  .about = "Prints the event code and the attributes that the collector would count, one "
	    "line for each event.  Without FILE, and for the FILE -, it reads standard input.  It "
	    "needs no account.",
	  .status = "0 all input was XML, 1 some was not",
	  .examples = { "qtoa map demo/messages/2-menu-click.xml" } },
	{ "send", "ACCOUNT URL FILE...", "act as WeChat: send XML files (- is standard input)",
	  .topic = VERB_SETUP,
	  .about = "Signs each file, encrypts it if the account's mode says so, and posts it to "
	    "the URL as WeChat would.  It prints one line for each file: HTTP status, answer, "
	    "time.  QT gets the messages as real events.",
	  .status = "0 every answer was success or a reply, 1 one was not",
	  .examples = { "qtoa send shop https://HOST/qtoa/shop demo/messages/3-text.xml" } },
	{ "queue list", "", "list messages that wait for QT or that QT refused",
	  .topic = VERB_DELIVERY,
	  .about = "Lists the oldest messages first, each with QT's last answer and the time of "
	    "the next attempt.  Below the list are the end points that do not work and the "
	    "accounts that are stopped.",
	  .status = "0 the queue was read, 1 it could not be read",
	  .options = {
	    { "--all", NULL, "list all messages, not only the first 100", false },
	    { "--relay", "RELAY", "only those for the relay of that name", false },
	  },
	  .examples = { "qtoa queue list", "qtoa queue list --relay crm" } },
	{ "queue show", "ID", "show all about one message",
	  .topic = VERB_DELIVERY,
	  .about = "Shows when the message came, what happened to it, its event, its query and "
	    "its body.",
	  .status = "0 the message is there, 1 it is not",
	  .examples = { "qtoa queue show 17" } },
	{ "queue retry", "[ID|all|ACCOUNT]", "send messages again, now",
	  .topic = VERB_DELIVERY,
	  .about = "Messages that wait become due now, whatever their back-off says; messages "
	    "that QT refused wait again; an account that was stopped goes on.  The program below "
	    "the web server sends the messages, or qtoa drain does.  /ACCOUNT is an account whose "
	    "path looks like an ID or is the word all.",
	  .status = "0 they are due, 1 there is no such message or account",
	  .options = { { "--outcome", "TEXT", "only those with this last outcome, of all accounts "
	    "or one, as qtoa queue list shows it", false } },
	  .examples = { "qtoa queue retry 17", "qtoa queue retry shop",
	    "qtoa queue retry --outcome 'HTTP 404'" } },
	{ "queue drop", "ID", "delete a message; QT never gets it",
	  .topic = VERB_DELIVERY,
	  .about = "Deletes a message for good, after a question.  If WeChat repeats the message, "
	    "qtoa does not take it in again.",
	  .status = "0 it is dropped, 1 it is kept or is not there",
	  .options = { { "--yes", NULL, "do not ask; needed without a terminal", false } },
	  .examples = { "qtoa queue drop 17 --yes" } },
	{ "queue export", "", "print the queue as JSON lines",
	  .topic = VERB_DELIVERY,
	  .about = "Prints the messages that wait and those that QT refused, one object a line, "
	    "with query and body.  Times are ms since the epoch.",
	  .status = "0 all of them are printed, 1 they are not",
	  .options = {
	    { "--state", "pending|dead", "only messages that wait, or only those that QT refused",
	      false },
	  },
	  .examples = { "qtoa queue export --state dead >dead.jsonl" } },
	{ "drain", "", "send all messages that wait, now",
	  .topic = VERB_DELIVERY,
	  .about = "Sends each message that waits once, whatever its back-off and the breaker "
	    "say.  If another process is sending already, qtoa drain waits and shows its "
	    "progress.  Run it from cron where qtoa runs as CGI.",
	  .status = "0 no message waits any more, 1 some do",
	  .options = { { "--seconds", "N", "stop after N seconds", false } },
	  .examples = { "qtoa drain --seconds 50" } },
	{ "report", "[QUESTION]", "answer questions about the events; --help lists them",
	  .topic = VERB_REPORTS,
	  .about = "Answers a question about the events that were counted.  Without "
	    "a question it prints the overview.  Days are days in China; by default the report "
	    "covers the last 30.  The $$_ of an event code may be left out; follow, unfollow and "
	    "scan are short for three codes.",
	  .status = "0 it is answered, 1 it could not be answered",
	  .options = { FROM, TO, ACCOUNT, JSON_OR_CSV },
	  .examples = { "qtoa report", "qtoa report days --from 2026-11-01 --csv",
	    "qtoa report funnel --steps follow,menu_click --window 86400" } },
	{ "token", "ACCOUNT", "print WeChat's access_token of an account",
	  .topic = VERB_WECHAT,
	  .about = "Prints the access_token of an account that has .secret, alone on a line: the "
	    "one in the store, or a new one when that has expired.",
	  .status = "0 the token is printed, 1 there is no token",
	  .options = {
	    { "--refresh", NULL, "get a new one; the old one ends for everybody who uses it",
	      false },
	    { "--age", NULL, "print its age and how long it is still valid instead", false },
	  },
	  .examples = { "qtoa token shop", "qtoa token shop --age" } },
	{ "rid", "ACCOUNT RID", "show WeChat's record of a call that it refused",
	  .topic = VERB_WECHAT,
	  .about = "When WeChat refuses a call of its API, its message, in the log and elsewhere, "
	    "ends with the rid of the call.  Within a week of it WeChat tells when the call came, "
	    "how long it took, what was asked and what was answered; WeChat's support asks for "
	    "the rid, too.  The account must have .secret.  Tokens and secrets are not shown.",
	  .status = "0 it is shown, 1 WeChat does not tell it",
	  .examples = { "qtoa rid shop 617682e0-09059ac5-34a8e2ea" } },
	{ "reply import", "ACCOUNT", "make a file of rules from the console's replies",
	  .topic = VERB_WECHAT,
	  .about = "Asks WeChat for the automatic replies that are set in its console, and prints "
	    "them as a file for .replies.  Do it before the server is switched on: after that the "
	    "console's replies are off, and WeChat may not tell them any more.  What cannot be "
	    "kept is said on stderr.  If the file is there already, its rules for menu keys stay, "
	    "and the file of before is kept as FILE~.  The account must have .secret.",
	  .status = "0 the rules are written, 1 they are not",
	  .options = {
	    { "--out", "FILE", "write to this file; default: standard output", false },
	    { "--media", NULL, "upload images, voices and videos as permanent material: WeChat "
	    "forgets those of its answer after three days", false },
	  },
	  .examples = { "qtoa reply import shop --media --out /etc/qtoa/shop-replies.json" } },
	{ "reply test", "ACCOUNT TEXT|FILE", "show which rule answers a message, and what",
	  .topic = VERB_WECHAT,
	  .about = "Takes a text that a user could write, or the XML of a message in a file whose "
	    "name ends in .xml (- is standard input), and prints the rule and the reply.  Nothing "
	    "is sent or counted.",
	  .status = "0 a rule answers, 1 no rule does",
	  .options = { { "--rules", "FILE", "rules that are not those of .replies", false } },
	  .examples = { "qtoa reply test shop \"opening hours\"",
	    "qtoa reply test shop demo/messages/2-menu-click.xml" } },
	{ "reply check", "[ACCOUNT|FILE]", "find what is wrong with files of rules",
	  .topic = VERB_WECHAT,
	  .about = "Reads the file of each account that has .replies, of one account, or any file, "
	    "and says what is wrong with it and what of it is not sent.",
	  .status = "0 all files can be used, 1 one cannot",
	  .examples = { "qtoa reply check", "qtoa reply check new-replies.json" } },
	{ "menu show", "ACCOUNT", "show the menu that users see",
	  .topic = VERB_WECHAT,
	  .about = "Shows the menu that was made by WeChat's API, with its conditional menus, or "
	    "else the one of WeChat's console, a line for each entry.",
	  .status = "0 it is shown, 1 WeChat does not tell it",
	  .options = { { "--json", NULL, "as a file for qtoa menu push", false } },
	  .examples = { "qtoa menu show shop" } },
	{ "menu import", "ACCOUNT [FILE]", "write the menu to a file that can be pushed",
	  .topic = VERB_WECHAT,
	  .about = "Writes the menu of WeChat's API or console.  Entries that only the console can "
	    "make (texts, images, voices, news) become keys, and rules that answer these keys are "
	    "added to the account's file of rules.  Do it before the server is switched on: after "
	    "that the console's menu is off.",
	  .status = "0 the menu is written, 1 it is not",
	  .options = {
	    { "--replies", "FILE", "the file of rules; default: .replies", false },
	    { "--media", NULL, "upload images and voices as permanent material", false },
	  },
	  .examples = { "qtoa menu import shop shop-menu.json" } },
	{ "menu diff", "ACCOUNT FILE", "compare the menu with a file",
	  .topic = VERB_WECHAT,
	  .about = "Prints the entries that only the menu has (-), and those that only the file "
	    "has (+).",
	  .status = "0 there is no difference, 1 there is one",
	  .examples = { "qtoa menu diff shop shop-menu.json" } },
	{ "menu push", "ACCOUNT FILE", "set the menu that a file has",
	  .topic = VERB_WECHAT,
	  .about = "Checks WeChat's limits, shows the difference, asks, saves the menu of now in "
	    "settings.state_dir, and sets the new one with its conditional menus.",
	  .status = "0 the menu is that of the file, 1 it is not",
	  .options = { { "--yes", NULL, "do not ask; needed without a terminal", false } },
	  .examples = { "qtoa menu push shop shop-menu.json --yes" } },
	{ "menu delete", "ACCOUNT", "delete the menu and all conditional ones",
	  .topic = VERB_WECHAT,
	  .about = "Asks, saves the menu of now in settings.state_dir, and deletes it.",
	  .status = "0 it is deleted, 1 it is not",
	  .options = { { "--yes", NULL, "do not ask; needed without a terminal", false } },
	  .examples = { "qtoa menu delete shop" } },
	{ "qrcode create", "ACCOUNT CODE", "make a QR code with a name, and count its scans",
	  .topic = VERB_WECHAT,
	  .about = "Asks WeChat for a QR code with a scene, and prints the address of its picture "
	    "and what the picture says.  Follows and scans through the code are counted under its "
	    "name CODE.  The account must have .secret.  A code that is there already is printed "
	    "again without a question to WeChat.  An account can have 100,000 permanent codes.",
	  .status = "0 the code is printed, 1 there is no code",
	  .options = {
	    { "--days", "N", "temporary: for so many days, 30 at most; else permanent", false },
	    { "--scene", "TEXT", "the scene that WeChat reports; by default the name", false },
	  },
	  .examples = { "qtoa qrcode create shop poster-spring",
	    "qtoa qrcode create shop fair --scene fair2026 --days 7" } },
	{ "qrcode list", "[ACCOUNT] [CODE]", "list QR codes with their follows and scans",
	  .topic = VERB_WECHAT,
	  .about = "Lists the codes that qtoa qrcode create has made, with all follows and scans "
	    "through them that are counted, those with the most follows first.  For a period, see "
	    "qtoa report scenes.",
	  .status = "0 the codes were read, 1 they could not be read",
	  .options = { JSON_OR_CSV },
	  .examples = { "qtoa qrcode list", "qtoa qrcode list shop --csv" } },
	{ "datacube pull", "", "fetch WeChat's statistics that are missing here",
	  .topic = VERB_WECHAT,
	  .about = "Asks WeChat for the statistics of all accounts that have .secret.  The first "
	    "run fetches the last 30 days; later runs fetch all days since the first one that was "
	    "ever asked for.  Days that are there already are not asked for again.  Run it from "
	    "cron twice a day.",
	  .status = "0 all that WeChat has ready is there, 1 something is missing",
	  .options = {
	    FROM, TO, ACCOUNT,
	    { "--endpoint", "NAME", "only this end point; may be given several times", false },
	    { "--all", NULL, "also fetch again, and replace, what is there already", false },
	    { "--retry", NULL, "also ask the end points that WeChat has refused", false },
	  },
	  .examples = { "qtoa datacube pull",
	    "qtoa datacube pull --from 2026-01-01 --endpoint getusersummary" } },
	{ "datacube show", "[TABLE]", "show what was fetched, or the rows of one table",
	  .topic = VERB_WECHAT,
	  .about = "Shows for each end point which days were asked for, how many rows there are, "
	    "and what is still missing.  Of a TABLE it shows the rows, by default of the last 30 "
	    "days.",
	  .status = "0 it was read, 1 it could not be read",
	  .options = { FROM, TO, ACCOUNT },
	  .examples = { "qtoa datacube show", "qtoa datacube show getusersummary" } },
	{ "datacube export", "TABLE", "print a table as CSV, or as JSON lines",
	  .topic = VERB_WECHAT,
	  .about = "Prints all rows of a table.",
	  .status = "0 all rows are printed, 1 they are not",
	  .options = {
	    FROM, TO, ACCOUNT, { "--csv", NULL, "as CSV (the default)", true },
	    { "--json", NULL, "as JSON, one object a line", false },
	  },
	  .examples = { "qtoa datacube export getusersummary >users.csv" } },
	{ "followers pull", "[ACCOUNT]", "fetch who follows, and how each came",
	  .topic = VERB_WECHAT,
	  .about = "Reads WeChat's list of followers, of one account or of all that have .secret, "
	    "and asks about those that it has not asked about yet, have followed again, or were "
	    "asked about over 30 days ago.  A run that was stopped goes on where it was.  Run it "
	    "from cron once a day.",
	  .status = "0 all that WeChat tells is there, 1 something is missing",
	  .options = {
	    { "--older", "DAYS", "ask again about users after so many days; default: 30", true },
	    { "--all", NULL, "ask about all users again", false },
	    { "--retry", NULL, "ask, although WeChat has refused it for a while", false },
	  },
	  .examples = { "qtoa followers pull", "qtoa followers pull shop --older 7" } },
	{ "followers show", "[ACCOUNT]", "show how many follow, by scene and tag",
	  .topic = VERB_WECHAT,
	  .about = "Shows for each account how many follow by WeChat's list, how many by the "
	    "follow and unfollow events that were counted, and which of both never came as an "
	    "event; then the followers by the way they came, and by tag.",
	  .status = "0 it was read, 1 it could not be read",
	  .options = { { "--json", NULL, "one JSON document", false } },
	  .examples = { "qtoa followers show", "qtoa followers show shop --json" } },
	{ "followers export", "ACCOUNT", "print the followers as CSV, or as JSON lines",
	  .topic = VERB_WECHAT,
	  .about = "Prints a line for each follower.  Times are epoch seconds.",
	  .status = "0 all of them are printed, 1 they are not",
	  .options = {
	    { "--gone", NULL, "also those who do not follow any more", false },
	    { "--csv", NULL, "as CSV (the default)", true },
	    { "--json", NULL, "as JSON, one object a line", false },
	  },
	  .examples = { "qtoa followers export shop >followers.csv" } },
	{ "reconcile", "", "compare WeChat's count of pushes with ours",
	  .topic = VERB_REPORTS,
	  .about = "Compares WeChat's count of its calls to us, as qtoa datacube pull has fetched "
	    "it, with our own count, one line a day.  By default it begins with the first day "
	    "on which qtoa counted, and covers at most the last 30 days.",
	  .status = "0 every call is accounted for, 1 one is not, or it is not known",
	  .options = { FROM, TO, ACCOUNT, { "--hours", NULL, "one line an hour", false },
	    JSON_OR_CSV },
	  .examples = { "qtoa reconcile", "qtoa reconcile --from 2026-11-01 --hours" } },
	{ "forget", "OPENID|UNIONID", "forget a user; all figures stay as they are",
	  .topic = VERB_DELIVERY,
	  .about = "Takes a user out of all that qtoa keeps, after a question.  The events stay "
	    "without the user.  Copies of delivered messages are deleted, and messages that wait "
	    "are deleted when QT has them.  Then it searches all files of settings.state_dir, and "
	    "says what is left and where.  A user whose UnionID is known is forgotten in all "
	    "accounts; QT is not told.",
	  .status = "0 no file has the user any more, 1 something is left, or it failed",
	  .options = {
	    ACCOUNT,
	    { "--dead", NULL, "also delete messages that QT refused", false },
	    { "--rewrite", NULL, "write the database again, however large it is", false },
	    { "--yes", NULL, "do not ask; needed without a terminal", false },
	  },
	  .examples = { "qtoa forget OPENID", "qtoa forget --yes --account shop OPENID" } },
	{ "store migrate", "", "move this host's store to the shared one, or back",
	  .topic = VERB_SETUP,
	  .about = "Moves what hosts share, such as messages, events, followers and tokens, from "
	    "the SQLite file in settings.state_dir into the store that settings.store names, after "
	    "a question.  That store may have rows of other hosts already.  Rows leave the file "
	    "only when the other store has them, so a run that was stopped or killed goes on at "
	    "the next one.  qtoa may run meanwhile, if it was started with settings.store set.",
	  .status = "0 all rows are moved, 1 some are left, or it failed",
	  .options = {
	    { "--back", NULL, "from the shared store into the file of this host; stop qtoa on all "
	      "hosts before", false },
	    { "--yes", NULL, "do not ask; needed without a terminal", false },
	  },
	  .examples = { "qtoa store migrate", "qtoa store migrate --back --yes" } },
	{ "store show", "", "show how many rows are here, and in the shared store",
	  .topic = VERB_SETUP,
	  .about = "Shows for each table how many rows the SQLite file of this host has, and how "
	    "many the store that settings.store names.",
	  .status = "0 both were read, 1 one could not be read",
	  .options = { { "--json", NULL, "as JSON", false } },
	  .examples = { "qtoa store show" } },
	{ "status", "", "show on one screen whether all is well",
	  .topic = VERB_DAILY,
	  .about = "Shows whether all is well, or else what is wrong and what to do.  For each "
	    "account it shows today's pushes, how long answers took, how long QT took, and how "
	    "many messages wait; then the disk, the last failures, and the clients that sent "
	    "wrong signatures.",
	  .status = "0 all is well, 1 something is wrong",
	  .options = {
	    { "--watch", "[SECONDS]", "show it again every 2 seconds, or every SECONDS, until "
	    "Ctrl-C", false },
	    { "--json", NULL, "as JSON, with more details", false },
	  },
	  .examples = { "qtoa status", "qtoa status --watch 10" } },
	{ "log", "[ACCOUNT]", "show what the log says of each message, and what to do",
	  .topic = VERB_DAILY,
	  .about = "Reads the log wherever settings.log leads: a file and its rotated ones, "
	    "syslog, systemd's journal, or the error log of the web server.  Each message is a "
	    "line, the newest at the end: time in China, account, event, user, outcome, ms, what "
	    "the log says, and what to do.  A TIME is 2h or 3d (ago), a day, a day with a time, or "
	    "a time of today.",
	  .status = "0 the log was read, 1 it cannot be read",
	  .options = {
	    { "--user", "OPENID", "only messages of this user", false },
	    { "--failed", NULL, "only what did not end well: refused, an error, queued, dead",
	      false },
	    { "--since", "TIME", "from this time on, and in rotated files, too", false },
	    { "--until", "TIME", "up to this time", false },
	    { "--follow", NULL, "go on with new lines until Ctrl-C", false },
	    { "--lines", "N", "the last N lines; default: 50, or all since TIME", false },
	    { "--file", "FILE", "read this file instead", false },
	    { "--json", NULL, "one JSON object a line", false },
	  },
	  .examples = { "qtoa log --failed --since 2h", "qtoa log shop --user OPENID",
	    "qtoa log --follow" } },
	{ "alert test", "", "send a test message to settings.alert_url",
	  .topic = VERB_DAILY,
	  .about = "Sends a test message to the robot or webhook of settings.alert_url, and says "
	    "what the receiver answered and what to do about it.  Alerts themselves are sent by "
	    "the program below the web server, and by qtoa drain.",
	  .status = "0 the message was taken, 1 it was not",
	  .examples = { "qtoa alert test" } },
	{ "alert week", "", "print the summary of the last week",
	  .topic = VERB_DAILY,
	  .about = "Prints what settings.alert_weekly sends on Mondays at 9: for each account the "
	    "pushes of the last whole week, Monday to Sunday in China, and what became of them, "
	    "beside the week before.",
	  .status = "0 it is printed, 1 the counters cannot be read",
	  .examples = { "qtoa alert week" } },
	{ "listen", "SOCKET", "serve FastCGI on a socket file, as in a container",
	  .topic = VERB_SETUP,
	  .about = "Makes the socket file and serves what a web server sends there, as under "
	    "systemd or spawn-fcgi, until a signal stops it; then the file is removed.  SOCKET is "
	    "a whole path.  A file that a process has left is replaced; one on which a process "
	    "listens is not.  There is no TCP: whoever connects is believed.",
	  .status = "0 a signal has stopped it, 1 it could not listen",
	  .options = { { "--mode", "MODE", "who may connect: 0660 (the default), the user and the "
	    "group that run it; 0600, the user alone", false } },
	  .examples = { "qtoa listen /run/qtoa/qtoa.sock" } },
	{ "completion", "bash|zsh", "print a script that completes all this in the shell",
	  .topic = VERB_SETUP,
	  .about = "The script knows the verbs and options of this program.  For the IDs of "
	    "messages and for accounts the shell asks the program when you press Tab.",
	  .status = "0 it is printed, 1 it could not be printed",
	  .examples = { "eval \"$(qtoa completion bash)\"",
	    "qtoa completion zsh >/usr/local/share/zsh/site-functions/_qtoa" } },
	{ "help", "[VERB]", "explain a verb: its usage, options and examples",
	  .topic = VERB_SETUP,
	  .about = "Prints the same as the verb does with --help.",
	  .status = "0 there is such a verb, 1 its help could not be printed",
	  .examples = { "qtoa help queue", "qtoa help queue retry" } },
	{ "-V", "", "print the version",
	  .topic = VERB_SETUP, .about = "",
	  .status = "0 it is printed, 1 it could not be printed" },
	{ "-h", "", "print this list",
	  .topic = VERB_SETUP, .about = "",
	  .status = "0 it is printed, 1 it could not be printed" },
	{ .name = NULL }
};

const char *const	 verb_topics[VERB__TOPICS] = {
	[VERB_DAILY]	= "Is all well?",
	[VERB_DELIVERY]	= "Messages that wait for QT, or that QT refused",
	[VERB_REPORTS]	= "Reports",
	[VERB_WECHAT]	= "Ask WeChat",
	[VERB_SETUP]	= "Set up, try out, get help",
};

struct slice
verb_group(const struct verb *v)
{
	return (struct slice){ v->name, strcspn(v->name, " ") };
}

bool
verb_in_group(const struct verb *v)
{
	return v->name[strcspn(v->name, " ")] == ' ';
}

bool
verb_leads(const struct verb *v)
{
	return v == verb_table || verb_next(v - 1) != v;
}

const struct verb *
verb_next(const struct verb *v)
{
	const struct slice	 group = verb_group(v);

	v++;
	return v->name != NULL && strncmp(v->name, group.p, group.len) == 0 &&
	    v->name[group.len] == ' ' ? v : NULL;
}

const struct verb *
verb_find(bool *group, int argc, char *const *argv)
{
	const struct verb	*v, *first = NULL;
	const char		*second;

	*group = false;
	for (v = verb_table; argc > 0 && v->name != NULL; v++) {
		if (!slice_is(verb_group(v), argv[0]))
			continue;
		second = v->name + strcspn(v->name, " ");
		if (*second == '\0' || (argc > 1 && strcmp(second + 1, argv[1]) == 0))
			return v;
		if (first == NULL)
			first = v;
	}
	*group = first != NULL;
	return first;
}

const struct verb_option *
verb_option(const struct verb *v, const char *name)
{
	const struct verb_option	*o;

	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

bool
verb_may_lack(const char *arg)
{
	return *arg == '[';
}

struct slice
verb_arg(const struct verb *v, int n)
{
	const char	*p = v->args;

	for (; n > 0 && *p != '\0'; n--) {
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	return (struct slice){ *p == '\0' ? NULL : p, strcspn(p, " ") };
}

bool
verb_alternative(struct slice *word, struct slice *rest)
{
	size_t	 len;

	while (rest->len != 0 && strchr("[|", *rest->p) != NULL)
		rest->p++, rest->len--;
	for (len = 0; len < rest->len && strchr("|].", rest->p[len]) == NULL; len++)
		;
	*word = (struct slice){ rest->p, len };
	rest->p += len, rest->len -= len;
	return len != 0;
}

bool
verb_asks(const struct verb *v)
{
	return strstr(v->args, "QUESTION") != NULL;
}

enum verb_kind
verb_kind(struct slice word)
{
	static const struct {
		const char	*word;
		enum verb_kind	 kind;
	} kinds[] = {
		{ "ACCOUNT", VERB_ACCOUNT }, { "FILE", VERB_FILE }, { "ID", VERB_ID },
		{ "QUESTION", VERB_QUESTION }, { "NAME", VERB_ENDPOINT }, { "TABLE", VERB_TABLE },
		{ "VERB", VERB_VERB }, { "SOCKET", VERB_FILE },
	};
	size_t	 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_is(word, kinds[i].word))
			return kinds[i].kind;
	return word.len != 0 && *word.p >= 'a' && *word.p <= 'z' ? VERB_WORD : VERB_OTHER;
}
