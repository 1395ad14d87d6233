/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RoCE: from a link and a switch to values with their formula, inputs and source; the contract that all
 * hops keep; that contract as the configuration of a switch or a host, and read back from one.
 * Pure: nothing here touches a device. Units as in roce.h.
 */
#ifndef CT_ADVISE_ROCE_PLAN_H
#define CT_ADVISE_ROCE_PLAN_H

#include "base/base.h"
#include "roce.h"

/* ---- recommend ------------------------------------------------------------------------------ */

struct ct_roce_input {
	struct ct_roce_link link;
	double buffer;     /* bytes of shared packet buffer; 0 = not told */
	double ports;      /* of that switch, all at this speed */
	double rtt_us;     /* base round trip, without queues */
	double fan_in;     /* senders to one receiver */
	double cell;       /* bytes of a buffer cell; 0 = not told */
	double alpha;      /* factor of the dynamic threshold */
	double lossless;   /* priorities with PFC, each with its headroom at every port; 0 = 1 */
};

enum { CT_ROCE_ROWS = 48 };

struct ct_roce_value {
	const char *id;      /* "ecn.kmin" */
	const char *unit;    /* "bytes", "us", "ms", "Mb/s", "%", "" */
	double value;
	bool chosen;         /* to be set; the others explain it */
	char inputs[96];
	const char *formula, *source;
};

struct ct_roce_advice {
	struct ct_roce_input in;
	struct ct_roce_value rows[CT_ROCE_ROWS];
	size_t n;
	double headroom, xon, kmin, kmax, pmax; /* bytes; pmax % */
	double detect_ms, restore_ms, poll_ms;  /* PFC watchdog */
	char note[160];                         /* "" or what the values leave open */
};

/* Fills ADVICE. CT_INVALID names what cannot be: a link (ct_roce_link_check), a negative buffer, a
 * buffer smaller than the headrooms of its ports, no port, an RTT of 0, a speed without published delays. */
ct_status ct_roce_recommend(const struct ct_roce_input *in, struct ct_roce_advice *advice);

/* The row called ID, or NULL. */
const struct ct_roce_value *ct_roce_value_find(const struct ct_roce_advice *advice, const char *id);

/* ECN thresholds as somebody published them. */
struct ct_roce_profile {
	const char *name, *source;
	double low_Gbps, high_Gbps; /* speeds that it is for, inclusive */
	double kmin, kmax;          /* bytes; with PER_GBPS of each Gb/s */
	double pmax;                /* % */
	bool per_Gbps;
};

/* Ended by a row whose name is NULL. */
const struct ct_roce_profile *ct_roce_profiles(void);

/* ---- the contract --------------------------------------------------------------------------- */

enum { CT_ROCE_DSCPS = 64, CT_ROCE_PRIORITIES = 8 };

enum ct_roce_term {
	CT_ROCE_PFC_MASK,    /* priorities with PFC, bit i = priority i */
	CT_ROCE_ECN_MASK,    /* queues that mark */
	CT_ROCE_STRICT_MASK, /* queues with strict priority */
	CT_ROCE_KMIN, CT_ROCE_KMAX, CT_ROCE_PMAX,
	CT_ROCE_XON, CT_ROCE_XOFF, /* bytes of the lossless priority group */
	CT_ROCE_MTU,
	CT_ROCE_CABLE,       /* m */
	CT_ROCE_DETECT, CT_ROCE_RESTORE, CT_ROCE_POLL, /* ms */
	CT_ROCE_DYNAMIC_TH,  /* log2 of the dynamic threshold's factor */
	CT_ROCE_TERMS
};

#define CT_ROCE_UNSTATED INT64_MIN

struct ct_roce_contract {
	int8_t tc_of_dscp[CT_ROCE_DSCPS];         /* -1 = not stated, also below */
	int8_t queue_of_tc[CT_ROCE_PRIORITIES];
	int8_t group_of_tc[CT_ROCE_PRIORITIES];   /* ingress priority group */
	int64_t term[CT_ROCE_TERMS];              /* CT_ROCE_UNSTATED = not stated */
};

/* Data DSCP 26 -> TC 3 lossless with ECN, CNP DSCP 48 -> TC 6 strict without, all else TC 0. */
#define CT_ROCE_DATA_DSCP 26
#define CT_ROCE_DATA_TC 3
#define CT_ROCE_CNP_DSCP 48
#define CT_ROCE_CNP_TC 6

void ct_roce_contract_make(const struct ct_roce_advice *advice, struct ct_roce_contract *contract);

/* Nothing stated. */
void ct_roce_contract_clear(struct ct_roce_contract *contract);

/* "pfc-mask", … */
const char *ct_roce_term_name(enum ct_roce_term term);

/* A difference: what BREAKS losslessness or marking, or only differs. */
struct ct_roce_difference {
	bool breaks;
	const char *what;   /* "dscp-to-tc" */
	char seen[160];
};

enum { CT_ROCE_DIFFERENCES = 96 };

struct ct_roce_differences {
	struct ct_roce_difference rows[CT_ROCE_DIFFERENCES];
	size_t n;
};

/* How GOT differs from WANT. SAYS: bit i = term i is one that such a configuration states; a term
 * that it should state and does not is a difference too. */
void ct_roce_contract_compare(const struct ct_roce_contract *want, const struct ct_roce_contract *got,
	uint32_t says, struct ct_roce_differences *out);

/* ---- switches and hosts --------------------------------------------------------------------- */

enum { CT_ROCE_PORTS = 1024, CT_ROCE_PORT_NAME = 32 };

struct ct_roce_ports {
	char name[CT_ROCE_PORTS][CT_ROCE_PORT_NAME];
	size_t n;
};

/* "Ethernet0,Ethernet4". CT_INVALID: empty, too long, too many, letters other than [A-Za-z0-9_./:-]. */
ct_status ct_roce_ports_parse(const char *text, struct ct_roce_ports *ports);

struct ct_roce_nos {
	const char *name, *summary;
	const char *port;   /* a port's name there, for the default */
	bool tested;        /* false: nothing has read it but people; in no case has a switch */
	uint32_t says;      /* the terms that it states, for ct_roce_contract_compare() */
	/* Adds the configuration to OUT. CT_NOMEM. */
	ct_status (*write)(const struct ct_roce_contract *contract, const struct ct_roce_ports *ports,
		double Gbps, struct ct_buf *out);
	/* Which ports TEXT configures, and the contract of one of them; NULL = there is no reader.
	 * CT_INVALID: no such text. */
	ct_status (*ports)(const char *text, size_t bytes, const char *file, struct ct_roce_ports *ports);
	ct_status (*read)(const char *text, size_t bytes, const char *file, const char *port,
		struct ct_roce_contract *contract);
	/* Makes of CONTRACT what that system can state of it (whole kilobytes, a largest MTU); NULL = all. */
	void (*limit)(struct ct_roce_contract *contract);
};

/* Ended by a row whose name is NULL. */
const struct ct_roce_nos *ct_roce_noses(void);

/* The writers and readers of those rows. */
ct_status ct_roce_sonic_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);
ct_status ct_roce_sonic_ports(const char *text, size_t bytes, const char *file,
	struct ct_roce_ports *ports);
ct_status ct_roce_sonic_read(const char *text, size_t bytes, const char *file, const char *port,
	struct ct_roce_contract *contract);
ct_status ct_roce_cumulus_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);
/* TEXT ends in NUL, as struct ct_buf has it. */
ct_status ct_roce_cumulus_ports(const char *text, size_t bytes, const char *file,
	struct ct_roce_ports *ports);
ct_status ct_roce_cumulus_read(const char *text, size_t bytes, const char *file, const char *port,
	struct ct_roce_contract *contract);
ct_status ct_roce_eos_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);
ct_status ct_roce_eos_ports(const char *text, size_t bytes, const char *file,
	struct ct_roce_ports *ports);
ct_status ct_roce_eos_read(const char *text, size_t bytes, const char *file, const char *port,
	struct ct_roce_contract *contract);
void ct_roce_eos_limit(struct ct_roce_contract *contract);
ct_status ct_roce_nxos_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);
ct_status ct_roce_os10_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);
ct_status ct_roce_junos_write(const struct ct_roce_contract *contract,
	const struct ct_roce_ports *ports, double Gbps, struct ct_buf *out);

/* Commands for a host's port: MLNX_QOS chooses that program instead of iproute2's dcb. With a UNIT they
 * are the lines of a systemd unit that sets them at every boot. */
struct ct_roce_host {
	bool mlnx_qos, unit;
	const char *interface, *device; /* "eth0", "mlx5_0" */
};

void ct_roce_host_write(const struct ct_roce_contract *contract, const struct ct_roce_host *host,
	struct ct_buf *out);

#endif
