/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine's life: made, read, its class hashed, freed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"

struct ct_machine *ct_machine_new(void)
{
	struct ct_machine *machine = ct_alloc(1, sizeof(*machine));

	if (machine != NULL)
		machine->facts.machine = machine;
	return machine;
}

void ct_machine_free(struct ct_machine *machine)
{
	if (machine == NULL)
		return;
	if (machine->topology != NULL)
		hwloc_topology_destroy(machine->topology);
	json_decref(machine->replaced);
	ct_free(machine->facts.nics);
	ct_free(machine->facts.rdma);
	ct_free(machine->facts.gpus);
	ct_free(machine->facts.bridges);
	ct_free(machine->facts.nvmes);
	ct_free(machine);
}

const struct ct_facts *ct_machine_facts(const struct ct_machine *machine)
{
	return &machine->facts;
}

/* hwloc.xml of a captured tree. */
static ct_status load_captured(const struct ct_sys *sys, const char *root,
	struct ct_machine *machine)
{
	char name[512];
	struct stat st;
	char *xml;
	int n, fd = ct_sys_fd(sys, "hwloc.xml", 0);
	ct_status status;

	snprintf(name, sizeof(name), "%s/hwloc.xml", root);
	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s (a captured tree needs it: lstopo --of xml, on the "
			"machine that was captured)", name, strerror(-fd));
	n = fstat(fd, &st);
	close(fd);
	if (n != 0 || !S_ISREG(st.st_mode))
		return ct_fail(CT_IO, "%s: not a regular file", name);
	if (st.st_size < 0 || (size_t)st.st_size > CT_MACHINE_LIMIT)
		return ct_fail(CT_INVALID, "%s: more than %zu bytes", name, CT_MACHINE_LIMIT);
	xml = ct_alloc((size_t)st.st_size + 2, 1);
	if (xml == NULL)
		return CT_NOMEM;
	n = ct_sys_read(sys, "hwloc.xml", xml, (size_t)st.st_size + 2);
	if (n < 0)
		status = ct_fail(CT_IO, "%s: %s", name, strerror(-n));
	else
		status = ct_node_load(machine, xml, (size_t)n, name);
	ct_free(xml);
	return status;
}

ct_status ct_machine_read(const char *sysroot, struct ct_machine **machine)
{
	struct ct_machine *made = ct_machine_new();
	struct ct_sys sys;
	ct_status status = made != NULL ? ct_sys_open(sysroot, &sys) : CT_NOMEM;

	if (status != CT_OK)
		goto free_machine;
	snprintf(made->facts.source, sizeof(made->facts.source), "%s",
		sys.live ? "this machine" : "captured tree");
	if (sys.live)
		status = ct_node_load(made, NULL, 0, "this machine");
	else
		status = load_captured(&sys, sysroot, made);
	if (status == CT_OK) {
		ct_node_model(made);
		ct_node_counts(made);
		ct_settings_read(&sys, &made->facts);
		status = ct_devices_read(&sys, made);
	}
	if (status == CT_OK)
		status = ct_nvml_read(&sys, made);
	if (status == CT_OK)
		status = ct_details_read(&sys, made);
	ct_sys_close(&sys);
	if (status == CT_OK) {
		*machine = made;
		return CT_OK;
	}
free_machine:
	ct_machine_free(made);
	return status;
}
