/* SPDX-License-Identifier: BSD-3-Clause */
/* Input: a captured tree, as records of a byte that says which file, a byte that says how long, and
 * what is in it. hwloc's XML, which has a harness of its own, is always the same small machine. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "use.h"

static const char *const files[] = {
	"proc/cpuinfo", "proc/self/limits", "proc/self/cgroup", "proc/driver/nvidia/version",
	"proc/sys/kernel/hostname", "proc/sys/kernel/osrelease", "proc/sys/kernel/numa_balancing",
	"proc/irq/40/effective_affinity_list", "sys/class/dmi/id/sys_vendor",
	"sys/class/dmi/id/product_name", "sys/devices/system/cpu/smt/active",
	"sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
	"sys/devices/system/cpu/cpufreq/policy0/related_cpus",
	"sys/devices/system/cpu/cpufreq/policy1/scaling_governor",
	"sys/kernel/mm/transparent_hugepage/enabled",
	"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
	"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "sys/fs/cgroup/cgroup.controllers",
	"sys/fs/cgroup/cpu.max", "sys/fs/cgroup/a/cpu.max", "sys/bus/pci/devices/0000:18:00.0/config",
	"sys/bus/pci/devices/0000:18:00.0/resource", "sys/bus/pci/devices/0000:18:00.0/local_cpulist",
	"sys/bus/pci/devices/0000:18:00.0/current_link_speed",
	"sys/bus/pci/devices/0000:18:00.0/current_link_width",
	"sys/bus/pci/devices/0000:18:00.0/max_link_speed",
	"sys/bus/pci/devices/0000:18:00.0/max_link_width",
	"sys/bus/pci/devices/0000:18:00.0/iommu_group/type",
	"sys/bus/pci/devices/0000:18:00.0/sriov_numvfs", "sys/bus/pci/devices/0000:18:00.0/msi_irqs/40",
	"sys/bus/pci/devices/0000:17:00.0/resource", "sys/bus/pci/devices/0000:17:00.0/uevent",
	"sys/bus/pci/devices/0000:17:00.0/resource1_resize", "sys/bus/pci/devices/0000:17:00.0/config",
	"sys/class/net/ens1f0np0/type", "sys/class/net/ens1f0np0/mtu",
	"sys/class/net/ens1f0np0/speed", "sys/class/net/ens1f0np0/operstate",
	"sys/class/net/ens1f0np0/device/uevent", "sys/class/net/ens1f0np0/master/uevent",
	"sys/class/net/ens1f0np0/bonding/mode", "sys/class/net/ens1f0np0/bonding/slaves",
	"sys/class/infiniband/mlx5_0/fw_ver", "sys/class/infiniband/mlx5_0/board_id",
	"sys/class/infiniband/mlx5_0/device/uevent", "sys/class/infiniband/mlx5_0/ports/1/state",
	"sys/class/infiniband/mlx5_0/ports/1/phys_state", "sys/class/infiniband/mlx5_0/ports/1/rate",
	"sys/class/infiniband/mlx5_0/ports/1/link_layer",
	"sys/class/infiniband/mlx5_0/ports/1/gids/0", "sys/class/infiniband/mlx5_0/ports/1/gids/3",
	"sys/class/infiniband/mlx5_0/ports/1/gid_attrs/types/3",
	"sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "sys/class/nvme/nvme0/address",
	"sys/class/nvme/nvme0/model", "sys/class/nvme/nvme0/state", "sys/kernel/iommu_groups/0/type",
	"said/nvidia-smi-topo", "said/dev_shm",
};
enum { NFILES = sizeof(files) / sizeof(files[0]) };

static const char root[] = "/dev/shm";
static char dir[64];
static bool there[NFILES];

static void make_folders(const char *path)
{
	char part[256];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%s/%.*s", dir, (int)(slash - path), path);
		mkdir(part, 0700);
	}
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void remove_tree(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", dir);
}

static void make_tree(void)
{
	static uint8_t xml[1 << 16];
	int fd = open(CT_TEST_SRCDIR "/tests/fixtures/sysroot-2nic/hwloc.xml", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, xml, sizeof(xml)) : -1;

	snprintf(dir, sizeof(dir), "%s/ct-fuzz-XXXXXX", root);
	if (n <= 0 || mkdtemp(dir) == NULL)
		abort();
	close(fd);
	atexit(remove_tree);
	write_file("hwloc.xml", xml, (size_t)n);
	for (size_t i = 0; i < NFILES; i++)
		make_folders(files[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_machine *machine = NULL;
	char full[256];

	if (dir[0] == '\0')
		make_tree();
	while (size >= 2) {
		size_t which = data[0] % NFILES, length = data[1] * 16u;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		write_file(files[which], data, length);
		there[which] = true;
		data += length;
		size -= length;
	}
	if (ct_machine_read(dir, &machine) == CT_OK)
		use_machine(machine);
	ct_machine_free(machine);
	for (size_t i = 0; i < NFILES; i++) {
		snprintf(full, sizeof(full), "%s/%s", dir, files[i]);
		if (there[i])
			unlink(full);
		there[i] = false;
	}
	return 0;
}
