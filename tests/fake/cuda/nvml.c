/* SPDX-License-Identifier: BSD-3-Clause */
/* NVML as libnccl asks it: all NVLinks of the pretended GPUs lead to NVSwitches. Layouts and numbers
 * after NVML's API reference. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

enum { INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6 };
enum { FIELD_NVLINK_STATE = 165, FIELD_C2C_LINKS = 170 };

struct pci_info {
	char legacy[16];
	unsigned int domain, bus, device, id, subsystem, reserved[4];
};

struct field {
	unsigned int id, scope;
	long long stamp_us, latency_us;
	unsigned int type;
	int status;
	unsigned long long value;
};

static int gpu_of(const void *device)
{
	return (int)((intptr_t)device - 1);
}

static bool linked(unsigned int link)
{
	return link < (unsigned int)fake_number("CT_FAKE_NVLINKS", 18);
}

int nvmlInit(void);
int nvmlInit(void)
{
	return 0;
}

int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
	return 0;
}

int nvmlShutdown(void);
int nvmlShutdown(void)
{
	return 0;
}

const char *nvmlErrorString(int error);
const char *nvmlErrorString(int error)
{
	return error == 0 ? "success" : "error of the NVML stand-in";
}

int nvmlDeviceGetCount_v2(unsigned int *n);
int nvmlDeviceGetCount_v2(unsigned int *n)
{
	*n = (unsigned int)fake_gpus();
	return 0;
}

int nvmlDeviceGetCount(unsigned int *n);
int nvmlDeviceGetCount(unsigned int *n)
{
	return nvmlDeviceGetCount_v2(n);
}

int nvmlDeviceGetHandleByIndex(unsigned int index, void **device);
int nvmlDeviceGetHandleByIndex(unsigned int index, void **device)
{
	if (index >= (unsigned int)fake_gpus())
		return INVALID;
	*device = (void *)(intptr_t)(index + 1);
	return 0;
}

int nvmlDeviceGetHandleByPciBusId(const char *busid, void **device);
int nvmlDeviceGetHandleByPciBusId(const char *busid, void **device)
{
	int gpu = fake_gpu_at(busid);

	if (gpu < 0)
		return NOT_FOUND;
	*device = (void *)(intptr_t)(gpu + 1);
	return 0;
}

int nvmlDeviceGetIndex(void *device, unsigned int *index);
int nvmlDeviceGetIndex(void *device, unsigned int *index)
{
	*index = (unsigned int)gpu_of(device);
	return 0;
}

int nvmlDeviceGetNvLinkState(void *device, unsigned int link, int *active);
int nvmlDeviceGetNvLinkState(void *device, unsigned int link, int *active)
{
	*active = linked(link);
	return 0;
}

int nvmlDeviceGetNvLinkCapability(void *device, unsigned int link, int capability, unsigned int *has);
int nvmlDeviceGetNvLinkCapability(void *device, unsigned int link, int capability, unsigned int *has)
{
	if (!linked(link))
		return NOT_SUPPORTED;
	*has = 1;
	return 0;
}

/* This address is how NVML tells a switch that the virtual machine may not see. */
int nvmlDeviceGetNvLinkRemotePciInfo(void *device, unsigned int link, struct pci_info *pci);
int nvmlDeviceGetNvLinkRemotePciInfo(void *device, unsigned int link, struct pci_info *pci)
{
	if (!linked(link))
		return NOT_SUPPORTED;
	memset(pci, 0, sizeof(*pci));
	snprintf(pci->legacy, sizeof(pci->legacy), "fffffff:ffff:ff");
	return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor);
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor)
{
	*major = FAKE_COMPUTE / 10;
	*minor = FAKE_COMPUTE % 10;
	return 0;
}

int nvmlDeviceGetP2PStatus(void *device, void *peer, int index, int *status);
int nvmlDeviceGetP2PStatus(void *device, void *peer, int index, int *status)
{
	*status = 0; /* fine */
	return 0;
}

int nvmlDeviceGetFieldValues(void *device, int n, struct field *fields);
int nvmlDeviceGetFieldValues(void *device, int n, struct field *fields)
{
	for (int i = 0; i < n; i++) {
		fields[i].value = fields[i].id == FIELD_NVLINK_STATE && linked(fields[i].scope);
		fields[i].status = fields[i].id == FIELD_NVLINK_STATE || fields[i].id == FIELD_C2C_LINKS ? 0 :
			NOT_SUPPORTED;
	}
	return 0;
}

int nvmlDeviceGetGpuFabricInfoV(void *device, void *info);
int nvmlDeviceGetGpuFabricInfoV(void *device, void *info)
{
	return NOT_SUPPORTED;
}

int nvmlSystemGetConfComputeState(void *state);
int nvmlSystemGetConfComputeState(void *state)
{
	memset(state, 0, 3 * sizeof(unsigned int));
	return 0;
}
