/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's class: what makes two machines the same for tuning, hashed. Left out is all that
 * differs between equal machines or changes over time: names, serials, addresses, firmware,
 * governor, counters, state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

static json_t *known_number(uint64_t number)
{
	return number == CT_UNKNOWN ? json_null() : json_integer((json_int_t)number);
}

/* Which model, and how it is attached: what the slot and the device can do, not what the link has
 * trained to at the moment (an idle GPU slows its link down). */
static json_t *device_json(const struct ct_pci *pci)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", pci->id, "subsystem", pci->subsystem,
		"numa", known_number(pci->numa), "pcie_MTs", known_number(pci->max_speed_MTs),
		"pcie_width", known_number(pci->max_width));
}

static int by_dump(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts ARRAY by each element's canonical text, so that the order in which the kernel names the
 * devices does not matter. NULL when there is no memory; takes the reference to ARRAY. */
static json_t *sorted(json_t *array)
{
	size_t n = json_array_size(array), done = 0;
	char **texts = ct_alloc(n, sizeof(*texts));
	json_t *out = json_array();
	int bad = array == NULL || texts == NULL || out == NULL;

	for (; bad == 0 && done < n; done++) {
		texts[done] = json_dumps(json_array_get(array, done), JSON_COMPACT | JSON_SORT_KEYS);
		bad = texts[done] == NULL;
	}
	if (bad == 0 && n > 0)
		qsort(texts, n, sizeof(*texts), by_dump);
	for (size_t i = 0; bad == 0 && i < n; i++)
		bad = json_array_append_new(out, json_loads(texts[i], 0, NULL));
	for (size_t i = 0; texts != NULL && i < done; i++)
		free(texts[i]);
	ct_free(texts);
	json_decref(array);
	if (bad != 0) {
		json_decref(out);
		return NULL;
	}
	return out;
}

static json_t *nics_json(const struct ct_facts *f)
{
	json_t *all = json_array();
	int bad = 0;

	for (size_t i = 0; i < f->nnics; i++) {
		const struct ct_nic *nic = &f->nics[i];
		json_t *one;

		if (nic->is_virtual) /* bridges, tunnels and loopback are no hardware */
			continue;
		one = device_json(&nic->pci);
		bad |= json_object_set_new(one, "link", json_string(nic->link));
		bad |= json_object_set_new(one, "Mbps", known_number(nic->speed_Mbps));
		bad |= json_array_append_new(all, one);
	}
	if (bad != 0) {
		json_decref(all);
		return NULL;
	}
	return sorted(all);
}

static json_t *ports_json(const struct ct_facts *f)
{
	json_t *all = json_array();
	int bad = 0;

	for (size_t i = 0; i < f->nrdma; i++) {
		const struct ct_rdma *port = &f->rdma[i];
		json_t *one = device_json(&port->pci);

		bad |= json_object_set_new(one, "port", known_number(port->port));
		bad |= json_object_set_new(one, "link", json_string(port->link_layer));
		bad |= json_object_set_new(one, "Mbps", known_number(port->rate_Mbps));
		bad |= json_array_append_new(all, one);
	}
	if (bad != 0) {
		json_decref(all);
		return NULL;
	}
	return sorted(all);
}

static json_t *gpus_json(const struct ct_facts *f)
{
	json_t *all = json_array();
	int bad = 0;

	for (size_t i = 0; i < f->ngpus; i++)
		bad |= json_array_append_new(all, device_json(&f->gpus[i].pci));
	if (bad != 0) {
		json_decref(all);
		return NULL;
	}
	return sorted(all);
}

ct_status ct_machine_hash(const struct ct_machine *machine, char out[CT_MACHINE_HASH_ROOM])
{
	const struct ct_facts *f = &machine->facts;
	const struct ct_setting *model = &f->setting[CT_SET_CPU_MODEL];
	json_t *class = json_object();
	char *text = NULL;
	int bad = 0;

	bad |= json_object_set_new(class, "cpu",
		model->known ? json_string(model->text) : json_null());
	bad |= json_object_set_new(class, "packages", known_number(f->packages));
	bad |= json_object_set_new(class, "numa_nodes", known_number(f->numa_nodes));
	bad |= json_object_set_new(class, "cores", known_number(f->cores));
	bad |= json_object_set_new(class, "nics", nics_json(f));
	bad |= json_object_set_new(class, "rdma", ports_json(f));
	bad |= json_object_set_new(class, "gpus", gpus_json(f));
	if (bad == 0)
		text = json_dumps(class, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(class);
	if (text == NULL)
		return ct_fail(CT_NOMEM, "no memory for the machine's hash");
	ct_sha256_text(text, strlen(text), out);
	free(text);
	return CT_OK;
}
