/* SPDX-License-Identifier: BSD-3-Clause */
/* GPUs as NVIDIA's management library tells them, opened at run time through prototypes of ours
 * (names, numbers and layouts after NVML's API reference, release 12): models, and where the NVLinks
 * lead. On a captured tree the matrix of "nvidia-smi topo -m" takes its place. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { SUCCESS = 0, ACTIVE = 1, LINKS_MOST = 18, TO_GPU = 0, TO_SWITCH = 2, GPUS_MOST = 64,
	LINK_MBS = 90, /* NVML_FI_DEV_NVLINK_SPEED_MBPS_COMMON: of each active link */
	UNSIGNED_INT = 1 };

struct device;

/* nvmlPciInfo_t */
struct pci_info {
	char legacy[16];
	unsigned int domain, bus, device, id, subsystem;
	char bus_id[32];
};

/* nvmlFieldValue_t */
struct field_value {
	unsigned int id, scope;
	long long stamp, took_us;
	int type, error;
	union {
		unsigned int number;
		double any; /* the largest member */
	} value;
};

_Static_assert(sizeof(struct field_value) == 40, "as NVML lays it out");

struct library {
	void *handle;
	int (*init)(void);
	int (*shutdown)(void);
	int (*count)(unsigned int *n);
	int (*by_index)(unsigned int i, struct device **device);
	int (*name)(struct device *device, char *name, unsigned int room);
	int (*pci)(struct device *device, struct pci_info *pci);
	int (*link_state)(struct device *device, unsigned int link, unsigned int *state);
	int (*link_type)(struct device *device, unsigned int link, unsigned int *type);
	int (*link_pci)(struct device *device, unsigned int link, struct pci_info *pci);
	int (*fields)(struct device *device, int n, struct field_value *values);
};

static bool open_library(struct library *lib)
{
	const struct {
		const char *name;
		void *slot;
		bool needed;
	} symbols[] = {
		{ "nvmlInit_v2", &lib->init, true },
		{ "nvmlShutdown", &lib->shutdown, true },
		{ "nvmlDeviceGetCount_v2", &lib->count, true },
		{ "nvmlDeviceGetHandleByIndex_v2", &lib->by_index, true },
		{ "nvmlDeviceGetName", &lib->name, true },
		{ "nvmlDeviceGetPciInfo_v3", &lib->pci, true },
		{ "nvmlDeviceGetNvLinkState", &lib->link_state, true },
		{ "nvmlDeviceGetNvLinkRemoteDeviceType", &lib->link_type, false },
		{ "nvmlDeviceGetNvLinkRemotePciInfo_v2", &lib->link_pci, true },
		{ "nvmlDeviceGetFieldValues", &lib->fields, false },
	};

	lib->handle = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (lib->handle == NULL)
		return false;
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *found = dlsym(lib->handle, symbols[i].name);

		if (found == NULL && symbols[i].needed) {
			ct_log(CT_LOG_WARN, CT_AREA_TOPO, "libnvidia-ml.so.1 has no %s: not used",
				symbols[i].name);
			dlclose(lib->handle);
			return false;
		}
		memcpy(symbols[i].slot, &found, sizeof(found));
	}
	if (lib->init() == SUCCESS)
		return true;
	dlclose(lib->handle);
	return false;
}

static void address_of(const struct pci_info *pci, char out[24])
{
	snprintf(out, 24, "%04x:%02x:%02x.0", pci->domain & 0xffffu, pci->bus & 0xffu,
		pci->device & 0x1fu);
}

static struct ct_gpu *gpu_at(struct ct_facts *f, const char *address)
{
	for (size_t i = 0; i < f->ngpus; i++) {
		if (strcmp(f->gpus[i].pci.address, address) == 0)
			return &f->gpus[i];
	}
	return NULL;
}

/* In a container the library may know GPUs that sysfs does not show. */
static struct ct_gpu *add_gpu(struct ct_facts *f, const char *address, const struct pci_info *pci)
{
	struct ct_gpu *more = ct_realloc(f->gpus, f->ngpus + 1, sizeof(*more)), *gpu;

	if (more == NULL)
		return NULL;
	f->gpus = more;
	gpu = &more[f->ngpus++];
	memset(gpu, 0, sizeof(*gpu));
	ct_pci_empty(&gpu->pci);
	snprintf(gpu->pci.address, sizeof(gpu->pci.address), "%s", address);
	snprintf(gpu->pci.id, sizeof(gpu->pci.id), "%04x:%04x", pci->id & 0xffffu, pci->id >> 16);
	snprintf(gpu->pci.subsystem, sizeof(gpu->pci.subsystem), "%04x:%04x",
		pci->subsystem & 0xffffu, pci->subsystem >> 16);
	gpu->bar_bytes = gpu->bar_most_bytes = gpu->nvlink_MBs = CT_UNKNOWN;
	return gpu;
}

/* How many links lead to each end: "switch", or a GPU's address. */
struct ends {
	char name[LINKS_MOST][24];
	unsigned int links[LINKS_MOST];
	size_t n;
};

static void count_end(struct ends *ends, const char *name, unsigned int links)
{
	size_t i = 0;

	while (i < ends->n && strcmp(ends->name[i], name) != 0)
		i++;
	if (i == LINKS_MOST)
		return;
	if (i == ends->n) {
		snprintf(ends->name[i], sizeof(ends->name[i]), "%s", name);
		ends->links[i] = 0;
		ends->n++;
	}
	ends->links[i] += links;
}

static void write_ends(const struct ends *ends, struct ct_gpu *gpu)
{
	size_t used = 0;

	gpu->nvlink[0] = '\0';
	for (size_t i = 0; i < ends->n && used + 32 < sizeof(gpu->nvlink); i++)
		used += (size_t)snprintf(gpu->nvlink + used, sizeof(gpu->nvlink) - used, "%s%s:%u",
			used > 0 ? " " : "", ends->name[i], ends->links[i]);
}

/* Each way, before coding and headers: "nvidia-smi nvlink -s" tells the same number. */
static void read_rate(const struct library *lib, struct device *device, struct ct_gpu *gpu)
{
	struct field_value value = { .id = LINK_MBS };

	if (gpu->nvlink[0] != '\0' && lib->fields != NULL &&
	    lib->fields(device, 1, &value) == SUCCESS && value.error == SUCCESS &&
	    value.type == UNSIGNED_INT && value.value.number > 0)
		gpu->nvlink_MBs = value.value.number;
}

static void read_links(const struct library *lib, struct device *device, struct ct_gpu *gpu)
{
	struct ends ends = { .n = 0 };

	for (unsigned int link = 0; link < LINKS_MOST; link++) {
		struct pci_info remote = { .bus = 0 };
		unsigned int state = 0, type = TO_GPU;
		char address[24];

		if (lib->link_state(device, link, &state) != SUCCESS || state != ACTIVE)
			continue;
		if (lib->link_type != NULL && lib->link_type(device, link, &type) == SUCCESS &&
		    type == TO_SWITCH) {
			count_end(&ends, "switch", 1);
		} else if (lib->link_pci(device, link, &remote) == SUCCESS) {
			address_of(&remote, address);
			count_end(&ends, address, 1);
		}
	}
	write_ends(&ends, gpu);
}

static ct_status read_device(const struct library *lib, unsigned int i, struct ct_facts *f)
{
	struct device *device = NULL;
	struct pci_info pci = { .bus = 0 };
	struct ct_gpu *gpu;
	char address[24], name[96] = "";

	if (lib->by_index(i, &device) != SUCCESS || lib->pci(device, &pci) != SUCCESS)
		return CT_OK;
	address_of(&pci, address);
	gpu = gpu_at(f, address);
	if (gpu == NULL)
		gpu = add_gpu(f, address, &pci);
	if (gpu == NULL)
		return CT_NOMEM;
	snprintf(gpu->name, sizeof(gpu->name), "nvml%u", i);
	if (gpu->driver[0] == '\0')
		snprintf(gpu->driver, sizeof(gpu->driver), "nvidia");
	if (lib->name(device, name, sizeof(name)) == SUCCESS) {
		name[sizeof(name) - 1] = '\0';
		ct_text_clean(gpu->model, sizeof(gpu->model), name);
	}
	read_links(lib, device, gpu);
	read_rate(lib, device, gpu);
	return CT_OK;
}

static ct_status read_library(struct ct_facts *f)
{
	struct library lib;
	unsigned int n = 0;
	ct_status status = CT_OK;

	if (!open_library(&lib))
		return CT_OK; /* no driver: sysfs has told all there is */
	if (lib.count(&n) == SUCCESS) {
		for (unsigned int i = 0; status == CT_OK && i < n && i < GPUS_MOST; i++)
			status = read_device(&lib, i, f);
	}
	lib.shutdown();
	dlclose(lib.handle);
	return status;
}

/* A row of the matrix: "GPU0", then a word for each GPU, as in the head: "X" or "NV18" or a path.
 * nvidia-smi counts GPUs in the order of their PCI addresses, as the facts do. Links to a switch and
 * to each GPU look alike; the same number to all others of three or more can only be a switch. */
static void take_row(struct ct_gpu **nvidia, size_t n, char *row)
{
	struct ends ends = { .n = 0 };
	unsigned long self = strtoul(row + 3, &row, 10);
	unsigned int first = 0;
	size_t same = 0, column = 0;

	if (self >= n)
		return;
	for (char *word; column < n && (word = strsep(&row, "\t ")) != NULL;) {
		unsigned int links;

		if (word[0] == '\0')
			continue;
		if (column != self && sscanf(word, "NV%2u", &links) == 1) {
			count_end(&ends, nvidia[column]->pci.address, links);
			first = ends.n == 1 ? links : first;
			same += links == first;
		}
		column++;
	}
	if (n > 2 && same == n - 1) {
		ends.n = 0;
		count_end(&ends, "switch", first);
	}
	write_ends(&ends, nvidia[self]);
}

static void read_said(const struct ct_sys *sys, struct ct_facts *f)
{
	struct ct_gpu *nvidia[GPUS_MOST];
	char text[16384], *line, *rest = text;
	size_t n = 0;

	if (ct_sys_read(sys, "said/nvidia-smi-topo", text, sizeof(text)) < 0)
		return;
	for (size_t i = 0; i < f->ngpus && n < GPUS_MOST; i++) {
		if (strncmp(f->gpus[i].pci.id, "10de:", 5) == 0)
			nvidia[n++] = &f->gpus[i];
	}
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "GPU", 3) == 0 && line[3] >= '0' && line[3] <= '9')
			take_row(nvidia, n, line);
	}
}

ct_status ct_nvml_read(const struct ct_sys *sys, struct ct_machine *machine)
{
	if (sys->live)
		return read_library(&machine->facts);
	read_said(sys, &machine->facts);
	return CT_OK;
}

unsigned int ct_gpu_links(const struct ct_gpu *a, const struct ct_gpu *b)
{
	char wanted[26];
	const char *at, *x = strstr(a->nvlink, "switch:"), *y = strstr(b->nvlink, "switch:");
	unsigned long left, right;

	if (x != NULL && y != NULL) {
		left = strtoul(x + 7, NULL, 10);
		right = strtoul(y + 7, NULL, 10);
		return (unsigned int)(left < right ? left : right) & 0xffu;
	}
	if (b->pci.address[0] == '\0')
		return 0;
	snprintf(wanted, sizeof(wanted), "%s:", b->pci.address);
	at = strstr(a->nvlink, wanted);
	return at != NULL ? (unsigned int)strtoul(at + strlen(wanted), NULL, 10) & 0xffu : 0;
}
