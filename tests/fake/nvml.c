/* SPDX-License-Identifier: BSD-3-Clause */
/* A libnvidia-ml that pretends: as many GPUs as CT_FAKE_GPUS says (4), with 18 links each to a switch,
 * or, with CT_FAKE_NVLINK=mesh, 4 to each other GPU. Layouts after NVML's API reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3 };

struct pci_info {
	char legacy[16];
	unsigned int domain, bus, device, id, subsystem;
	char bus_id[32];
};

static char devices[16];

static unsigned int count(void)
{
	const char *text = getenv("CT_FAKE_GPUS");

	return text != NULL ? (unsigned int)atoi(text) % 16 : 4;
}

static int mesh(void)
{
	const char *text = getenv("CT_FAKE_NVLINK");

	return text != NULL && strcmp(text, "mesh") == 0;
}

static void fill(unsigned int i, struct pci_info *pci)
{
	memset(pci, 0, sizeof(*pci));
	pci->bus = 0x10 * (i + 1);
	pci->id = 0x233010deu;
	pci->subsystem = 0x16c110deu;
	snprintf(pci->bus_id, sizeof(pci->bus_id), "00000000:%02X:00.0", pci->bus);
}

int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
	return SUCCESS;
}

int nvmlShutdown(void);
int nvmlShutdown(void)
{
	return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned int *n);
int nvmlDeviceGetCount_v2(unsigned int *n)
{
	*n = count();
	return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, char **device);
int nvmlDeviceGetHandleByIndex_v2(unsigned int i, char **device)
{
	if (i >= count())
		return INVALID;
	*device = &devices[i];
	return SUCCESS;
}

int nvmlDeviceGetName(const char *device, char *name, unsigned int room);
int nvmlDeviceGetName(const char *device, char *name, unsigned int room)
{
	(void)device;
	snprintf(name, room, "NVIDIA H100 80GB HBM3");
	return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(const char *device, struct pci_info *pci);
int nvmlDeviceGetPciInfo_v3(const char *device, struct pci_info *pci)
{
	fill((unsigned int)(device - devices), pci);
	return SUCCESS;
}

int nvmlDeviceGetNvLinkState(const char *device, unsigned int link, unsigned int *state);
int nvmlDeviceGetNvLinkState(const char *device, unsigned int link, unsigned int *state)
{
	(void)device;
	if (link >= (mesh() ? 4 * (count() - 1) : 18))
		return NOT_SUPPORTED;
	*state = 1;
	return SUCCESS;
}

/* nvmlFieldValue_t; 90 is the rate of a link in MB/s, of an H100 here */
struct field_value {
	unsigned int id, scope;
	long long stamp, took_us;
	int type, error;
	unsigned int value, rest;
};

int nvmlDeviceGetFieldValues(const char *device, int n, struct field_value *values);
int nvmlDeviceGetFieldValues(const char *device, int n, struct field_value *values)
{
	(void)device;
	for (int i = 0; i < n; i++) {
		values[i].error = values[i].id == 90 ? SUCCESS : NOT_SUPPORTED;
		values[i].type = 1;
		values[i].value = 26562;
	}
	return SUCCESS;
}

int nvmlDeviceGetNvLinkRemoteDeviceType(const char *device, unsigned int link, unsigned int *type);
int nvmlDeviceGetNvLinkRemoteDeviceType(const char *device, unsigned int link, unsigned int *type)
{
	(void)device;
	(void)link;
	*type = mesh() ? 0 : 2;
	return SUCCESS;
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(const char *device, unsigned int link, struct pci_info *pci);
int nvmlDeviceGetNvLinkRemotePciInfo_v2(const char *device, unsigned int link, struct pci_info *pci)
{
	unsigned int self = (unsigned int)(device - devices), other = link / 4;

	fill(other >= self ? other + 1 : other, pci);
	return SUCCESS;
}
