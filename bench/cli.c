/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "boot/boot.h"

enum { KEY_HELP = 'h', KEY_VERSION = 'V', KEY_FIRST = 256, MAX_ROWS = 128, MAX_ALSO = 512 };

struct parsing {
	const struct ct_cli *cli;
	void *settings;
	const char **words;
	size_t nwords;
	const struct ct_option *row[MAX_ROWS];
	size_t nrows;
	bool help, version;
	char why[512];
};

static const char *launcher_variable(void *arg, const char *name)
{
	(void)arg;
	return secure_getenv(name);
}

struct ct_launcher ct_cli_launcher(void)
{
	return ct_launcher_detect(launcher_variable, NULL);
}

void ct_cli_complain(const char *command, const char *text)
{
	char line[600];

	/* Somebody's argument may be in it, with a newline of its own. */
	ct_text_clean(line, sizeof(line), text);
	if (ct_cli_launcher().rank == 0)
		fprintf(stderr, "colltune %s: %s\n", command, line);
}

/* ---- rows to argp ---------------------------------------------------------------------------- */

static const char *const type_words[] = { NULL, "N", "SIZE", "TIME", "X", "TEXT", "WORD" };

static char *help_text(const struct ct_option *row)
{
	struct ct_buf text = ct_buf_make(4096);

	ct_buf_add(&text, "%s", row->help);
	if (row->type == CT_OPT_CHOICE) {
		ct_buf_add(&text, " (");
		for (int i = 0; row->choices[i] != NULL; i++)
			ct_buf_add(&text, "%s%s", i == 0 ? "" : "|", row->choices[i]);
		ct_buf_add(&text, ")");
	}
	if (row->dflt != NULL && row->dflt[0] != '\0')
		/* Where it was installed changes neither help nor, by its length, where argp breaks lines. */
		ct_buf_add(&text, " [%s]", row->dflt[0] == '/' ? "as installed" : row->dflt);
	return text.text;
}

static int key_of(const struct parsing *p, size_t i)
{
	return p->row[i]->letter != 0 ? p->row[i]->letter : KEY_FIRST + (int)i;
}

static void fill_options(struct parsing *p, struct argp_option *out)
{
	size_t i;

	for (i = 0; i < p->nrows; i++) {
		const struct ct_option *row = p->row[i];

		out[i].name = row->name;
		out[i].key = key_of(p, i);
		out[i].arg = row->arg != NULL ? row->arg : type_words[row->type];
		out[i].doc = help_text(row);
		if (row->type == CT_OPT_FLAG)
			out[i].arg = NULL;
	}
	out[i] = (struct argp_option){ "help", KEY_HELP, NULL, 0, "this help", -1 };
	out[i + 1] = (struct argp_option){ "version", KEY_VERSION, NULL, 0, "the version", -1 };
}

static void free_options(const struct parsing *p, struct argp_option *options)
{
	for (size_t i = 0; i < p->nrows; i++)
		ct_free((char *)(uintptr_t)options[i].doc);
}

/* ---- why argp refused ------------------------------------------------------------------------ */

static const struct ct_option *row_of_letter(const struct parsing *p, char letter)
{
	for (size_t i = 0; i < p->nrows; i++)
		if (p->row[i]->letter == letter)
			return p->row[i];
	return NULL;
}

/* NAME (LENGTH bytes) may be abbreviated; *MANY: it fits several. */
static const struct ct_option *row_of_name(const struct parsing *p, const char *name,
	size_t length, bool *many)
{
	const struct ct_option *found = NULL;

	*many = false;
	for (size_t i = 0; i < p->nrows; i++) {
		if (strncmp(p->row[i]->name, name, length) != 0)
			continue;
		if (strlen(p->row[i]->name) == length)
			return p->row[i];
		*many = found != NULL;
		found = p->row[i];
	}
	return found;
}

static void explain_long(struct parsing *p, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	bool many;
	const struct ct_option *row = row_of_name(p, name, length, &many);
	const char *near;
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)length, name);
	near = ct_option_nearest(p->cli->lists, copy);
	if (many)
		snprintf(p->why, sizeof(p->why), "option --%s fits several options", copy);
	else if (row != NULL && row->type == CT_OPT_FLAG)
		snprintf(p->why, sizeof(p->why), "option --%s takes no value", row->name);
	else if (row != NULL)
		snprintf(p->why, sizeof(p->why), "option --%s needs a value", row->name);
	else if (near != NULL)
		snprintf(p->why, sizeof(p->why), "unknown option --%s; did you mean --%s?", copy, near);
	else
		snprintf(p->why, sizeof(p->why), "unknown option --%s; see --help", copy);
}

static void explain_short(struct parsing *p, const char *word)
{
	for (const char *c = word + 1; *c != '\0'; c++) {
		const struct ct_option *row = row_of_letter(p, *c);

		if (row == NULL) {
			char other = (char)(*c ^ ('a' ^ 'A'));

			row = row_of_letter(p, other);
			if (row != NULL)
				snprintf(p->why, sizeof(p->why), "unknown option -%c; did you mean -%c (--%s)?",
					*c, other, row->name);
			else
				snprintf(p->why, sizeof(p->why), "unknown option -%c; see --help", *c);
			return;
		}
		if (row->type != CT_OPT_FLAG)
			break;
	}
	snprintf(p->why, sizeof(p->why), "option %s needs a value", word);
}

static void explain(struct parsing *p, const char *word)
{
	if (p->why[0] != '\0' || word == NULL)
		return;
	if (strncmp(word, "--", 2) == 0)
		explain_long(p, word);
	else
		explain_short(p, word);
}

/* ---- the parser ------------------------------------------------------------------------------ */

static error_t set_row(struct parsing *p, const struct ct_option *row, const char *text)
{
	char where[72];

	if (row->letter != 0)
		snprintf(where, sizeof(where), "-%c, --%s", row->letter, row->name);
	else
		snprintf(where, sizeof(where), "--%s", row->name);
	if (ct_option_set(row, p->settings, text, where) == CT_OK)
		return 0;
	snprintf(p->why, sizeof(p->why), "%s", ct_why());
	return EINVAL;
}

static error_t take_word(struct parsing *p, const char *word)
{
	if (p->nwords == p->cli->max_words) {
		snprintf(p->why, sizeof(p->why), "unexpected argument \"%s\"", word);
		return EINVAL;
	}
	p->words[p->nwords++] = word;
	return 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;

	switch (key) {
	case KEY_HELP:
		p->help = true;
		return 0;
	case KEY_VERSION:
		p->version = true;
		return 0;
	case ARGP_KEY_ARG:
		return take_word(p, arg);
	case ARGP_KEY_ERROR:
		explain(p, state->next > 0 ? state->argv[state->next - 1] : NULL);
		return 0;
	default:
		break;
	}
	for (size_t i = 0; i < p->nrows; i++)
		if (key_of(p, i) == key)
			return set_row(p, p->row[i], arg);
	return ARGP_ERR_UNKNOWN;
}

/* Environment variables of the other commands' options are known too. */
static ct_status read_environment(const struct ct_cli *cli, void *settings)
{
	/* what the plugins and the bootstrap read */
	static const char *const others[] = { "COLLTUNE_RULES", "COLLTUNE_MACHINE", "COLLTUNE_NCCL_PROFILE",
		"COLLTUNE_BOOT_PORT", "COLLTUNE_JOB_TOKEN", NULL };
	char names[MAX_ALSO][72];
	const char *also[MAX_ALSO + 1];
	size_t n = 0;

	for (; others[n] != NULL; n++)
		also[n] = others[n];
	for (const struct ct_command *c = ct_commands(); c->name != NULL; c++) {
		for (size_t l = 0; c->options[l] != NULL; l++) {
			for (const struct ct_option *row = c->options[l]; row->name != NULL; row++) {
				if (n == MAX_ALSO)
					break;
				snprintf(names[n], sizeof(names[n]), "COLLTUNE_%s", row->name);
				for (char *s = names[n]; *s != '\0'; s++)
					*s = *s == '-' ? '_' : *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s;
				also[n] = names[n];
				n++;
			}
		}
	}
	also[n] = NULL;
	return ct_options_environment(cli->lists, environ, also, settings);
}

static void fail_from_why(struct parsing *p)
{
	if (p->why[0] == '\0')
		snprintf(p->why, sizeof(p->why), "%s", ct_why());
}

static bool run_argp(struct parsing *p, const struct argp *argp, int argc, char **argv)
{
	unsigned flags = ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP;

	if (argp_parse(argp, argc, argv, flags, NULL, p) != 0)
		return false;
	if (!p->help && !p->version && p->nwords < p->cli->min_words) {
		snprintf(p->why, sizeof(p->why), "needs an argument: %s", p->cli->args);
		return false;
	}
	return true;
}

enum ct_cli_result ct_cli_parse(const struct ct_cli *cli, int argc, char **argv, void *settings,
	const char **words)
{
	struct parsing p = { .cli = cli, .settings = settings, .words = words };
	struct argp_option options[MAX_ROWS + 3] = { { 0 } };
	struct argp argp = { options, parse_one, cli->args, cli->text, NULL, NULL, NULL };
	enum ct_cli_result result = CT_CLI_RUN;
	char name[48];

	for (size_t l = 0; cli->lists[l] != NULL; l++)
		for (const struct ct_option *row = cli->lists[l]; row->name != NULL; row++)
			if (p.nrows < MAX_ROWS)
				p.row[p.nrows++] = row;
	for (size_t i = 0; i < cli->max_words; i++)
		words[i] = NULL;
	fill_options(&p, options);
	if (ct_options_default(cli->lists, settings) != CT_OK ||
		read_environment(cli, settings) != CT_OK || !run_argp(&p, &argp, argc, argv)) {
		fail_from_why(&p);
		ct_cli_complain(cli->command, p.why);
		result = CT_CLI_USAGE;
	} else if (p.help) {
		snprintf(name, sizeof(name), "colltune %s", cli->command);
		argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
		result = CT_CLI_DONE;
	} else if (p.version) {
		printf("colltune %s\n", ct_version());
		result = CT_CLI_DONE;
	}
	free_options(&p, options);
	return result;
}
