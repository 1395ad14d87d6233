/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open MPI's own algorithms, forced through MPI_T. coll/tuned reads its control variables when a
 * communicator is made and keeps them: so write, duplicate a communicator, write back. The
 * variables are bound to no object, hence every rank must write the same. All of it was tried on
 * 4.1.4; what is not as expected there leaves the row with "default" alone, and says why.
 */
#include <stdio.h>
#include <string.h>

#include "mpi_row.h"

/* ---- control variables ---------------------------------------------------------------------- */

struct cvar {
	MPI_T_cvar_handle handle;
	MPI_Datatype type;
	MPI_T_enum values;
	int count;
	bool writable;
};

static bool is_writable(int scope)
{
	return scope == MPI_T_SCOPE_LOCAL || scope == MPI_T_SCOPE_GROUP ||
		scope == MPI_T_SCOPE_GROUP_EQ || scope == MPI_T_SCOPE_ALL ||
		scope == MPI_T_SCOPE_ALL_EQ;
}

/* Opens variable NAME; false when there is none. Close with cvar_close(). */
static bool cvar_open(const char *name, struct cvar *var)
{
	int index, verbosity, bind, scope, no_name = 0, no_text = 0;

	if (MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS)
		return false;
	if (MPI_T_cvar_get_info(index, NULL, &no_name, &verbosity, &var->type, &var->values, NULL,
		&no_text, &bind, &scope) != MPI_SUCCESS || bind != MPI_T_BIND_NO_OBJECT)
		return false;
	var->writable = is_writable(scope);
	return MPI_T_cvar_handle_alloc(index, NULL, &var->handle, &var->count) == MPI_SUCCESS;
}

static void cvar_close(struct cvar *var)
{
	MPI_T_cvar_handle_free(&var->handle);
}

/* A boolean is one byte: reading it into an int would leave three of them as they were. */
static bool cvar_int(const char *name, int *value)
{
	struct cvar var;
	unsigned char byte = 0;
	bool ok = false;

	if (!cvar_open(name, &var))
		return false;
	if (var.count == 1 && var.type == MPI_INT)
		ok = MPI_T_cvar_read(var.handle, value) == MPI_SUCCESS;
	else if (var.count == 1 && var.type == MPI_C_BOOL) {
		ok = MPI_T_cvar_read(var.handle, &byte) == MPI_SUCCESS;
		*value = byte;
	}
	cvar_close(&var);
	return ok;
}

void ct_mpi_cvar_text(const char *name, char *out, size_t room)
{
	char text[4096] = "";
	struct cvar var;

	out[0] = '\0';
	if (!cvar_open(name, &var))
		return;
	if (var.type == MPI_CHAR && var.count < (int)sizeof(text) &&
	    MPI_T_cvar_read(var.handle, text) == MPI_SUCCESS)
		snprintf(out, room, "%.*s", (int)sizeof(text) - 1, text);
	cvar_close(&var);
}

/* ---- what can be forced --------------------------------------------------------------------- */

/* Another component of higher priority would run in place of tuned. han leaves communicators of
 * one node to tuned. */
static bool outranked(uint32_t nhosts, char *by, size_t room)
{
	static const char *const others[] = { "han", "adapt", "sm", "hcoll", "ucc", "fca", "xhc",
		"acoll" };
	int tuned = 0;

	if (!cvar_int("coll_tuned_priority", &tuned))
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int priority = 0, enabled = 1;
		char name[64];

		if (strcmp(others[i], "han") == 0 && nhosts == 1)
			continue;
		snprintf(name, sizeof(name), "coll_%s_enable", others[i]);
		cvar_int(name, &enabled);
		snprintf(name, sizeof(name), "coll_%s_priority", others[i]);
		if (cvar_int(name, &priority) && enabled && priority > tuned) {
			snprintf(by, room, "%s", others[i]);
			return true;
		}
	}
	return false;
}

/* Writes to row->caps.fixed why the library's algorithms cannot be forced; "" when they can. */
static void find_obstacle(struct ct_mpi_row *row, uint32_t nhosts)
{
	char text[CT_MPI_NAME], *out = row->caps.fixed;
	size_t room = sizeof(row->caps.fixed);
	int dynamic = 0;

	out[0] = '\0';
	if (strncmp(row->caps.library, "Open MPI", 8) != 0)
		snprintf(out, room, "%s is not Open MPI", row->caps.library);
	else if (row->nranks == 1)
		snprintf(out, room, "for one rank Open MPI's coll/self runs");
	else if (!cvar_int("coll_tuned_use_dynamic_rules", &dynamic))
		snprintf(out, room, "Open MPI's coll/tuned is not there");
	else if (!dynamic)
		snprintf(out, room, "coll_tuned_use_dynamic_rules is off when MPI is initialised (mpirun "
			"--mca coll_tuned_use_dynamic_rules 1)");
	else if (outranked(nhosts, text, sizeof(text)))
		snprintf(out, room, "coll/%s has a higher priority than coll/tuned (--mca coll ^%s "
			"leaves it out)", text, text);
	else {
		ct_mpi_cvar_text("coll_tuned_dynamic_rules_filename", text, sizeof(text));
		if (text[0] != '\0')
			snprintf(out, room, "the rules file in coll_tuned_dynamic_rules_filename comes "
				"before what is forced");
	}
}

static void add_algo(struct ct_mpi_row *row, ct_coll coll, const char *name, int id)
{
	size_t i = row->caps.nalgos;
	struct ct_mpi_knobs knobs = ct_mpi_knobs_of(coll, name);

	if (i == CT_MPI_ALGOS)
		return;
	snprintf(row->names[i], CT_MPI_NAME, "%s", name);
	row->ids[i] = id;
	row->algos[i].coll = coll;
	row->algos[i].name = row->names[i];
	row->algos[i].knobs = knobs.knobs;
	row->algos[i].nknobs = knobs.nknobs;
	row->caps.nalgos++;
}

/* The names as the library's own enumeration tells them; 0 ("ignore") is no algorithm. */
static bool add_enumerated(struct ct_mpi_row *row, ct_coll coll, MPI_T_enum values)
{
	int items = 0, no_name = 0;

	if (values == MPI_T_ENUM_NULL ||
	    MPI_T_enum_get_info(values, &items, NULL, &no_name) != MPI_SUCCESS)
		return false;
	for (int i = 0; i < items; i++) {
		char name[CT_MPI_NAME] = "";
		int id = 0, length = sizeof(name);

		if (MPI_T_enum_get_item(values, i, &id, name, &length) == MPI_SUCCESS && id > 0 &&
		    name[0] != '\0')
			add_algo(row, coll, name, id);
	}
	return items > 0;
}

static void add_forced(struct ct_mpi_row *row, ct_coll coll)
{
	const char *const *names = ct_openmpi_algos(coll);
	char name[96];
	struct cvar var;

	if (ct_openmpi_word(coll) == NULL)
		return;
	snprintf(name, sizeof(name), "coll_tuned_%s_algorithm", ct_openmpi_word(coll));
	if (!cvar_open(name, &var))
		return;
	if (var.writable && var.count == 1 && !add_enumerated(row, coll, var.values))
		for (int i = 0; names[i] != NULL; i++)
			add_algo(row, coll, names[i], i + 1);
	cvar_close(&var);
}

void ct_mpi_list_algos(struct ct_mpi_row *row, uint32_t nhosts)
{
	row->caps.algos = row->algos;
	row->caps.nalgos = 0;
	find_obstacle(row, nhosts);
	if (row->caps.fixed[0] != '\0' && row->rank == 0)
		ct_log(CT_LOG_DEBUG, CT_AREA_COLL, "backend mpi: only the library's own choice of "
			"algorithms: %s", row->caps.fixed);
	for (int coll = 0; coll < CT_NCOLLS; coll++) {
		add_algo(row, (ct_coll)coll, "default", 0);
		if (row->caps.fixed[0] == '\0')
			add_forced(row, (ct_coll)coll);
	}
}

/* ---- forcing -------------------------------------------------------------------------------- */

enum { MAX_SETTINGS = CT_MAX_KNOBS + 1 };

struct setting {
	char name[96];
	int value, old;
	bool written;
};

static bool write_cvar(const char *name, int value, int *old)
{
	struct cvar var;
	bool ok;

	if (!cvar_open(name, &var))
		return false;
	ok = var.count == 1 && MPI_T_cvar_read(var.handle, old) == MPI_SUCCESS &&
		MPI_T_cvar_write(var.handle, &value) == MPI_SUCCESS;
	cvar_close(&var);
	return ok;
}

static ct_status write_settings(struct setting *set, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		set[i].written = write_cvar(set[i].name, set[i].value, &set[i].old);
		if (!set[i].written)
			return ct_fail(CT_UNSUPPORTED, "backend mpi: MPI_T cannot write %s", set[i].name);
	}
	return CT_OK;
}

static void restore_settings(const struct setting *set, size_t n)
{
	int ignored;

	for (size_t i = 0; i < n; i++)
		if (set[i].written)
			write_cvar(set[i].name, set[i].old, &ignored);
}

/* What to write, after checking that the library would then run it. */
static ct_status plan_settings(const struct ct_mpi_row *row, size_t algo,
	const struct ct_coll_desc *desc, struct setting *set)
{
	const char *word = ct_openmpi_word(desc->coll), *name = row->names[algo], *why;
	struct ct_mpi_knobs knobs = ct_mpi_knobs_of(desc->coll, name);
	struct ct_mpi_case use = { desc->coll, row->nranks, desc->count, ct_type_bytes(desc->type), 0 };

	snprintf(set[0].name, sizeof(set[0].name), "coll_tuned_%s_algorithm", word);
	set[0].value = row->ids[algo];
	for (size_t i = 0; i < knobs.nknobs; i++) {
		struct setting *s = &set[i + 1];
		ct_status status = ct_mpi_knob_value(&knobs.knobs[i], desc->knob[i], &s->value);

		if (status != CT_OK)
			return status;
		snprintf(s->name, sizeof(s->name), "coll_tuned_%s_algorithm_%s", word, knobs.cvars[i]);
		if (strcmp(knobs.knobs[i].name, "segsize") == 0)
			use.segment_bytes = s->value;
	}
	why = ct_mpi_not_run(&use, name);
	if (why != NULL)
		return ct_fail(CT_UNSUPPORTED, "backend mpi: %s of %llu elements on %u ranks by %s: %s",
			ct_coll_name(desc->coll), (unsigned long long)desc->count, row->nranks, name, why);
	return CT_OK;
}

/* Ranks that failed must not leave the others alone in MPI_Comm_dup. */
static ct_status all_well(const struct ct_mpi_row *row, ct_status mine)
{
	int well = mine == CT_OK, all = 0;
	int rc = MPI_Allreduce(&well, &all, 1, MPI_INT, MPI_MIN, row->comm);

	if (mine != CT_OK)
		return mine;
	if (rc != MPI_SUCCESS)
		return ct_mpi_failed(rc, "MPI_Allreduce");
	return all ? CT_OK : ct_fail(CT_PEER, "another rank could not set an algorithm through MPI_T");
}

/* Makes the duplicate; KEPT has room for one more. */
static ct_status duplicate(struct ct_mpi_row *row, struct ct_mpi_forced *kept, struct setting *set,
	size_t n)
{
	ct_status status = kept == NULL ? CT_NOMEM : write_settings(set, n);
	int rc;

	status = all_well(row, status);
	if (status == CT_OK) {
		rc = MPI_Comm_dup(row->comm, &kept->comm);
		if (rc != MPI_SUCCESS)
			status = ct_mpi_failed(rc, "MPI_Comm_dup");
	}
	restore_settings(set, n);
	return status;
}

ct_status ct_mpi_force(struct ct_mpi_row *row, size_t algo, const struct ct_coll_desc *desc,
	MPI_Comm *comm)
{
	struct ct_mpi_forced wanted = { .algo = algo }, *list, *kept;
	struct setting set[MAX_SETTINGS];
	size_t n = 1 + row->algos[algo].nknobs;
	ct_status status;

	memset(set, 0, sizeof(set));
	status = plan_settings(row, algo, desc, set); /* the same on every rank: no vote needed */
	if (status != CT_OK)
		return status;
	for (size_t i = 0; i + 1 < n; i++)
		wanted.knob[i] = set[i + 1].value;
	for (size_t i = 0; i < row->nforced; i++) {
		kept = &row->forced[i];
		if (kept->algo == algo && memcmp(kept->knob, wanted.knob, sizeof(wanted.knob)) == 0) {
			*comm = kept->comm;
			return CT_OK;
		}
	}
	list = ct_realloc(row->forced, row->nforced + 1, sizeof(*list));
	if (list != NULL)
		row->forced = list;
	kept = list != NULL ? &list[row->nforced] : NULL;
	status = duplicate(row, kept, set, n);
	if (status != CT_OK)
		return status;
	wanted.comm = kept->comm;
	*kept = wanted;
	row->nforced++;
	*comm = wanted.comm;
	return CT_OK;
}

void ct_mpi_free_forced(struct ct_mpi_row *row)
{
	while (row->nforced > 0)
		MPI_Comm_free(&row->forced[--row->nforced].comm);
	ct_free(row->forced);
	row->forced = NULL;
}
