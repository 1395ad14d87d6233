/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of topo: this node as data. A machine is hwloc's tree plus what hwloc does not tell:
 * network interfaces, RDMA ports, GPUs, and the settings that decide about speed. It is read
 * from this machine or from a captured tree, saved to one file, loaded anywhere.
 *
 * What could not be read is never guessed: a number is CT_UNKNOWN, a text is "", and a setting
 * says why. All texts of the facts are fit for a terminal (no control characters).
 *
 * `colltune topo` is: read (or load), save if asked, ct_binding_self() on every rank, tree, hash.
 */
#ifndef CT_TOPO_H
#define CT_TOPO_H

#include "base/base.h"
#include "counters.h"
#include "ends.h"

#define CT_UNKNOWN UINT64_MAX
#define CT_UNLIMITED (UINT64_MAX - 1)

/* A machine file is at most this long. */
#define CT_MACHINE_LIMIT ((size_t)64 << 20)

/* Room for "sha256:", 64 hexadecimal digits and NUL. */
#define CT_MACHINE_HASH_ROOM 72

enum ct_setting_kind {
	CT_SETTING_TEXT,
	CT_SETTING_NUMBER, /* plain number */
	CT_SETTING_FLAG,   /* 0 or 1 */
	CT_SETTING_BYTES,
	CT_SETTING_MILLICPU, /* thousandths of one CPU */
};

/* One row: id, name in files and in the tree, kind, what it is. */
#define CT_SETTING_LIST(X)                                                                         \
	X(HOSTNAME, "hostname", TEXT, "host name")                                                 \
	X(CPU_MODEL, "cpu_model", TEXT, "CPU model as hwloc tells it")                             \
	X(KERNEL, "kernel", TEXT, "kernel release")                                                \
	X(HYPERVISOR, "hypervisor", TEXT, "none, yes, or the product's name")                      \
	X(GOVERNOR, "governor", TEXT, "frequency governor, or \"mixed: …\" with CPUs")             \
	X(SMT, "smt", FLAG, "simultaneous multithreading active")                                  \
	X(THP, "transparent_hugepages", TEXT, "always, madvise or never")                          \
	X(HUGEPAGES, "hugepages", BYTES, "explicit huge pages reserved, all sizes")                \
	X(HUGEPAGES_FREE, "hugepages_free", BYTES, "of these, free")                               \
	X(MEMLOCK, "memlock", BYTES, "soft limit of locked memory of this process")                \
	X(NUMA_BALANCING, "numa_balancing", NUMBER, "0 off, 1 on, 2 memory tiering")               \
	X(SHM, "dev_shm", BYTES, "size of /dev/shm")                                               \
	X(CPU_LIMIT, "cgroup_cpus", MILLICPU, "CPU bandwidth limit of this process's cgroups")     \
	X(NICS, "net_devices", NUMBER, "network interfaces; not known: none were listed")         \
	X(RDMA, "rdma_ports", NUMBER, "ports of RDMA devices; not known: none were listed")        \
	X(IOMMU, "iommu", TEXT, "off, passthrough, translating, or mixed")                         \
	X(PEER_MEMORY, "peer_memory", TEXT, "module that lets RDMA reach GPU memory, or none")     \
	X(DMA_BUF, "dma_buf", TEXT, "the same through the kernel: yes, or no and why")             \
	X(PCI_CONFIG, "pci_config", TEXT, "whole; not known: only root reads all of it")

#define CT_SETTING_ENUM(id, name, kind, help) CT_SET_##id,
enum ct_setting_id { CT_SETTING_LIST(CT_SETTING_ENUM) CT_NSETTINGS };
#undef CT_SETTING_ENUM

struct ct_setting {
	bool known;
	uint64_t number; /* of every kind but TEXT; BYTES and MILLICPU may be CT_UNLIMITED */
	char text[192];  /* known TEXT: the value; not known: why, as "/path: reason" */
};

struct ct_hugepages {
	uint64_t bytes, total, free; /* size of one page; pages */
};

/* Where a device hangs. numa: the operating system's number of the one NUMA node that is local,
 * CT_UNKNOWN when it is on none or on several. Link speeds in MT/s (PCIe 5.0: 32000). */
struct ct_pci {
	char address[24]; /* "0000:18:00.0"; "" = not a PCI device */
	char id[12];      /* vendor:device, "15b3:1021" */
	char subsystem[12];
	char class_id[8]; /* "0200" */
	uint64_t numa;
	uint64_t speed_MTs, width, max_speed_MTs, max_width;
	/* From the configuration space. relaxed_ordering: 0 or 1. */
	uint64_t max_read_bytes, max_payload_bytes, relaxed_ordering;
	char iommu[16];          /* type of its group: "identity", "DMA", "DMA-FQ"; "" = no IOMMU */
	uint64_t vf;             /* 1: a virtual function; 0: not */
	uint64_t vfs, vfs_most;  /* virtual functions made of it, and how many could be */
	uint64_t irqs, irqs_far; /* its interrupts, and those served only by CPUs elsewhere */
};

struct ct_nic {
	struct ct_pci pci;
	char name[32];
	char driver[32];
	char state[16];      /* operstate: "up", "down", … */
	char link[24];       /* "ethernet", "infiniband", "loopback", "type 65534" */
	uint64_t speed_Mbps; /* megabits per second; unknown while down and for most virtual ones */
	uint64_t mtu;
	bool loopback;
	bool is_virtual; /* no device behind it: bridge, veth, bond, tunnel, loopback */
	char master[32]; /* the bond or bridge that it belongs to */
	char bond[48];   /* of a bond: "802.3ad 4, 2 interfaces" */
};

/* One port of one RDMA device. */
struct ct_rdma {
	struct ct_pci pci;
	char name[64];
	char driver[32];
	char netdev[32];     /* the interface that shares this port (RoCE) */
	char state[24];      /* "ACTIVE", "DOWN", … */
	char phys_state[24]; /* "LinkUp", "Polling", … */
	char link_layer[16]; /* "InfiniBand", "Ethernet" */
	uint64_t port;
	uint64_t rate_Mbps;
	uint64_t mtu; /* Ethernet: the largest of RDMA that the interface's MTU allows; else unknown */
	char firmware[32];
	char board[32]; /* the vendor's id of board and firmware variant (PSID) */
	char gids[128]; /* which indices are filled with what, without addresses: "3 v2 IPv4" */
};

/* A GPU or another accelerator. Baseboard graphics chips are not listed. */
struct ct_gpu {
	struct ct_pci pci;
	char name[32]; /* as hwloc calls it ("nvml0"), or the PCI address */
	char model[96];
	char driver[32];
	uint64_t bar_bytes, bar_most_bytes; /* its largest memory window, and how large it could be */
	/* Where its active NVLinks lead: "switch:18", or "0000:1b:00.0:12 0000:2a:00.0:12". */
	char nvlink[256];
	uint64_t nvlink_MBs; /* of one of them, each way, 10^6 bytes/s; CT_UNKNOWN: not told */
};

/* A PCI bridge: a root port, or a port of a switch. */
struct ct_bridge {
	struct ct_pci pci;
	/* Access Control Services: "" not told, "absent", "off", or what is on, "SV RR CR UF". */
	char acs[32];
};

struct ct_nvme {
	struct ct_pci pci;
	char name[32];
	char model[64];
	char firmware[32];
	char state[16];
};

/* Everything plain that advice rules and expectations look at. */
struct ct_facts {
	const struct ct_machine *machine; /* whose facts these are, for its tree; NULL: of none */
	char source[32]; /* "this machine" or "captured tree" */
	struct ct_setting setting[CT_NSETTINGS];
	uint64_t packages, numa_nodes, cores, pus; /* whole machine, whatever this job may use */
	uint64_t memory_bytes;
	uint64_t pus_allowed; /* that this process's cgroup lets it use */
	struct ct_hugepages hugepages[8];
	size_t nhugepages;
	struct ct_nic *nics;
	size_t nnics;
	struct ct_rdma *rdma;
	size_t nrdma;
	struct ct_gpu *gpus;
	size_t ngpus;
	struct ct_bridge *bridges;
	size_t nbridges;
	struct ct_nvme *nvmes;
	size_t nnvmes;
};

/* Where one rank runs. CPUS: hwloc's list form, "0-1,4", as ct_binding_self() gives it. */
struct ct_binding {
	uint32_t rank;
	const char *cpus;
};

struct ct_machine;

/* Reads the node into *MACHINE, freed with ct_machine_free(). SYSROOT NULL: this machine. Else a
 * directory that holds a capture: hwloc.xml (lstopo --of xml, made on that machine; hwloc 2.9
 * offers no other way to a foreign root than the environment) beside the captured parts of sys/
 * and proc/; no link leads out of it. Missing or unreadable parts become unknown facts.
 * CT_IO (SYSROOT or its hwloc.xml), CT_INVALID (hwloc.xml), CT_UNSUPPORTED (kernel before 5.6
 * with a SYSROOT), CT_NOMEM. Any thread; takes 10 to 500 ms. */
ct_status ct_machine_read(const char *sysroot, struct ct_machine **machine);

/* Reads a machine file, freed with ct_machine_free(). CT_IO (cannot open, not a regular file),
 * CT_INVALID (syntax, schema, unknown key, wrong value: file, JSON pointer, nearest name),
 * CT_NOMEM. Any thread. */
ct_status ct_machine_load(const char *path, struct ct_machine **machine);

/* The same from text in memory, as another rank sent it; NAME stands for the file in messages. */
ct_status ct_machine_parse(const char *text, size_t bytes, const char *name,
	struct ct_machine **machine);

/* Writes PATH (0600, by temporary name and rename). Unless IDENTIFY, serial numbers, UUIDs, MACs,
 * GUIDs, GIDs, LIDs, addresses and cgroup names are replaced, and the file lists the kinds that
 * were ("replaced"); the host name stays. CT_IO, CT_NOMEM. Does not change MACHINE. */
ct_status ct_machine_save(const struct ct_machine *machine, const char *path, bool identify);

/* The same as text, NUL-terminated; free *TEXT with ct_free(). BYTES excludes the NUL. */
ct_status ct_machine_text(const struct ct_machine *machine, bool identify, char **text,
	size_t *bytes);

/* hwloc's own XML of the tree, version 2, for hwloc's tools; else as ct_machine_text(). */
ct_status ct_machine_xml(const struct ct_machine *machine, bool identify, char **text,
	size_t *bytes);

/* NULL is accepted. */
void ct_machine_free(struct ct_machine *machine);

/* The plain facts; they live as long as MACHINE. Never NULL. Any thread. */
const struct ct_facts *ct_machine_facts(const struct ct_machine *machine);

/* "sha256:…" over canonical JSON of the class facts (docs/formats.md): machines that are
 * the same for tuning have the same hash. CT_NOMEM. Any thread. */
ct_status ct_machine_hash(const struct ct_machine *machine, char out[CT_MACHINE_HASH_ROOM]);

/* Adds the tree for the terminal to OUT: packages, NUMA nodes, caches, cores with the ranks of
 * BINDINGS (NBINDINGS; 0 = none), devices where they hang, then the settings. CT_INVALID (a
 * binding's text), CT_NOMEM. Any thread. */
ct_status ct_machine_tree(const struct ct_machine *machine, const struct ct_binding *bindings,
	size_t nbindings, struct ct_buf *out);

/* The CPUs that the calling thread may run on, "0-1,4", for struct ct_binding. CT_IO, CT_NOMEM,
 * CT_INVALID (ROOM too small). Any thread. */
ct_status ct_binding_self(char *out, size_t room);

/* What a difference between two machines is about. The first two must not be between nodes of one
 * cluster; names and addresses always are; what passes (free huge pages, the link of an idle GPU)
 * means nothing by itself. */
enum ct_difference_kind { CT_DIFF_CLASS, CT_DIFF_SETTING, CT_DIFF_NAME, CT_DIFF_MOMENT, CT_NDIFFS };

struct ct_difference {
	enum ct_difference_kind kind;
	char path[160]; /* "/nics/0000:18:00.0/mtu" */
	char a[192], b[192];
};

struct ct_diff {
	struct ct_difference *rows;
	size_t nrows;
	size_t count[CT_NDIFFS];
};

/* Every difference between A and B: facts, settings, and hwloc's trees. Devices are matched by PCI
 * address, those without one by name. Where one machine comes from a file without addresses, those
 * of the other are not compared. *DIFF is freed with ct_diff_free(). CT_NOMEM, CT_INVALID (hwloc
 * does not take its own tree again). Any thread. */
ct_status ct_machine_diff(const struct ct_machine *a, const struct ct_machine *b,
	struct ct_diff *diff);
void ct_diff_free(struct ct_diff *diff);

/* "class", "settings", "names", "moment". */
const char *ct_difference_name(enum ct_difference_kind kind);

/* Name of setting ID ("governor"), and its value or "not readable: why" as the tree shows it;
 * OUT always ends in NUL. */
const char *ct_setting_name(enum ct_setting_id id);
const char *ct_setting_text(const struct ct_facts *facts, enum ct_setting_id id, char *out,
	size_t room);

/* ---- the PCI tree ---------------------------------------------------------------------------- */

#define CT_PCI_NONE SIZE_MAX

enum ct_pci_kind { CT_PCI_HOST, CT_PCI_BRIDGE, CT_PCI_GPU, CT_PCI_NIC, CT_PCI_OTHER };

/* HOST, a CPU's host bridge, has no address, ids or link; BRIDGE (root port, port of a switch) has
 * no link here. NIC: a network interface or RDMA device is listed for it. */
struct ct_pci_node {
	enum ct_pci_kind kind;
	size_t parent; /* an earlier node, or CT_PCI_NONE */
	struct ct_pci pci;
	uint64_t link_Mbps; /* what hwloc says that its link carries; 0 = not told */
};

struct ct_pci_tree {
	struct ct_pci_node *nodes;
	size_t n;
};

/* The tree, each node before those below it, at most 8192 of them and 64 deep: no machine has more,
 * a damaged file may. Free tree->nodes with ct_free(). CT_NOMEM. */
ct_status ct_machine_pci(const struct ct_machine *machine, struct ct_pci_tree *tree);

/* Megabits per second that a PCIe link carries: 8b/10b up to 5 GT/s, 128b/130b above (PCI Express
 * base specification), packet headers not counted; 0 = not told. Pure. */
uint64_t ct_pci_Mbps(uint64_t speed_MTs, uint64_t width);

/* The node with ADDRESS, or CT_PCI_NONE. */
size_t ct_pci_find(const struct ct_pci_tree *tree, const char *address);

/* How far two devices are apart, nearest first, in nvidia-smi's words ("nvidia-smi topo -m" legend):
 * at most one switch; several; one host bridge; host bridges of one NUMA node; NUMA nodes. */
enum ct_distance {
	CT_DISTANCE_PIX,
	CT_DISTANCE_PXB,
	CT_DISTANCE_PHB,
	CT_DISTANCE_NODE,
	CT_DISTANCE_SYS,
	CT_DISTANCE_UNKNOWN, /* no PCI device, or on no one NUMA node */
};

/* Pure. A or B may be CT_PCI_NONE. */
enum ct_distance ct_pci_distance(const struct ct_pci_tree *tree, size_t a, size_t b);
const char *ct_distance_name(enum ct_distance path);

/* NVLinks from GPU A to B, directly or through switches; 0 = none, or not told. Pure. */
unsigned int ct_gpu_links(const struct ct_gpu *a, const struct ct_gpu *b);

struct ct_matrix_nic {
	char name[64]; /* of an RDMA port ("mlx5_0", "mlx5_0:2"), or an interface if there are none */
	char address[24];
	uint64_t Mbps; /* what its link and its PCIe slot carry, headers not counted; 0 = not told */
	bool up;       /* or not told */
};

/* Each GPU of the facts and each NIC. */
struct ct_matrix {
	struct ct_matrix_nic *nics;
	size_t nnics, ngpus;
	enum ct_distance *path; /* [gpu * nnics + nic] */
	size_t *best;       /* of each GPU: a NIC, or CT_PCI_NONE when none is up */
};

/* Best is what is up, then fastest, then nearest, then taken by the fewest earlier GPUs. *MATRIX is
 * freed with ct_matrix_free(). CT_NOMEM. Any thread. */
ct_status ct_machine_matrix(const struct ct_machine *machine, struct ct_matrix *matrix);
void ct_matrix_free(struct ct_matrix *matrix);

/* Adds the matrix for the terminal to OUT. CT_NOMEM. */
ct_status ct_matrix_text(const struct ct_machine *machine, const struct ct_matrix *matrix,
	struct ct_buf *out);

/* ---- placement ------------------------------------------------------------------------------ */

/* Where one rank of a node should run. */
struct ct_spot {
	size_t gpu;      /* of the facts, or CT_PCI_NONE */
	size_t nic;      /* of the matrix, or CT_PCI_NONE */
	char device[64]; /* the NIC's name, as in the matrix; "" = none */
	uint64_t numa;
	char cores[96], cpus[128]; /* hwloc's logical cores; the operating system's PUs */
	char mask[300];            /* the same PUs in hexadecimal, as taskset and Slurm take it */
};

struct ct_proposal {
	struct ct_spot *places;
	size_t n;
};

/* A proposal for N ranks, 1 to 4096: GPUs in order, each rank near its GPU and that one's best NIC;
 * without GPUs spread over NUMA nodes; the cores of a NUMA node shared evenly by its ranks. Freed with
 * ct_proposal_free(). CT_INVALID (N, no usable cores), CT_NOMEM. Any thread. */
ct_status ct_machine_place(const struct ct_machine *machine, size_t n, struct ct_proposal *out);
void ct_proposal_free(struct ct_proposal *placement);

/* Adds the proposal, and how launchers and libraries are told it, to OUT. CT_NOMEM. */
ct_status ct_proposal_text(const struct ct_machine *machine, const struct ct_proposal *placement,
	struct ct_buf *out);

/* True if a rank bound to CPUS ("0-3,8") has none on the NUMA node where PLACE would have it. */
bool ct_spot_far(const struct ct_machine *machine, const struct ct_spot *place, const char *cpus);

/* ---- rails ----------------------------------------------------------------------------------- */

/* One rail of a node: the NIC that takes part in it. */
struct ct_rail {
	char device[64]; /* as in the matrix */
	char address[24];
	char above[24];  /* the upstream port of the PCIe switch that it hangs on; "" = on none */
	char gpus[48];   /* the facts' GPUs of which it is the best, "0,1" */
	uint64_t numa, Mbps;
	bool up;
};

struct ct_rails {
	char host[256];
	struct ct_rail *rails; /* then NICs that are none, such as those that are down */
	size_t n, nrails;
};

/* The rails of a node, in the order in which its GPUs come to them, as `--place` gives NCCL_IB_HCA;
 * then NICs as fast and up that no GPU comes to. Freed with ct_rails_free(). CT_NOMEM. Any thread. */
ct_status ct_machine_rails(const struct ct_machine *machine, struct ct_rails *rails);
void ct_rails_free(struct ct_rails *rails);

/* ---- NUMA nodes ------------------------------------------------------------------------------ */

struct ct_numa {
	uint64_t number;  /* the operating system's */
	uint64_t package; /* its package's, or CT_UNKNOWN */
	uint64_t cores, pus, memory_bytes;
	char cpus[96]; /* "0-55,112-167", cut when longer */
	char *mask;    /* the kernel's form: "0000ffff,ffffffff" */
};

/* All NUMA nodes, in hwloc's order; free with ct_numa_free(). CT_NOMEM. */
ct_status ct_machine_numa(const struct ct_machine *machine, struct ct_numa **nodes, size_t *n);
void ct_numa_free(struct ct_numa *nodes, size_t n);

/* As hwloc tells them ("x86_64", "GenuineIntel", "6", "143"); "" when it does not. */
struct ct_cpu {
	char arch[16], vendor[32], family[8], model[8];
};
void ct_machine_cpu(const struct ct_machine *machine, struct ct_cpu *cpu);

#include "fabric.h"

#endif
