/* SPDX-License-Identifier: BSD-3-Clause */
/* An InfiniBand subnet through libibnetdisc (nodes, cables, port states) and libibmad (error
 * counters, forwarding tables). */
#include <infiniband/ibnetdisc.h>
#include <infiniband/mad.h>
#include <infiniband/umad.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"

const char *const ct_fabric_ib_missing = NULL;

/* One packet waits so long, and is sent so often; a node that fails so often is left alone, and
 * after so many of those the reading of counters and tables ends. */
enum { PACKET_MS = 1000, PACKET_TRIES = 3, SILENT_MOST = 16 };

/* Bits of the performance manager's capability mask: AllPortSelect, PortCountersXmitWait. */
enum { ALL_PORTS = 1 << 8, HAS_WAIT = 1 << 12 };

/* A node of libibnetdisc and its place in the fabric, sorted by address. */
struct place {
	const ibnd_node_t *from;
	uint32_t node;
};

struct reader {
	struct ct_fabric *fabric;
	ibnd_fabric_t *found;
	struct place *places;
	size_t n;
	struct ibmad_port *mad;
	struct ct_deadline by;
	bool cables; /* nothing else */
	uint32_t silent; /* nodes that did not answer */
	uint32_t open;   /* links whose other end did not answer */
};

/* ---- fields ---------------------------------------------------------------------------------- */

/* PortInfo's LinkWidth: 1, 4, 8, 12 and 2 lanes from bit 0 on (InfiniBand Architecture 1.4, 14.2.5.6);
 * the most of several bits. */
static uint32_t lanes_of(uint32_t bits)
{
	static const uint32_t lanes[] = { 1, 4, 8, 12, 2 };
	uint32_t most = 0;

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		if ((bits >> i & 1) != 0 && lanes[i] > most)
			most = lanes[i];
	return most;
}

/* LinkSpeed and LinkSpeedExt (the same place), as data rate of a lane. */
static uint32_t lane_Mbps_of(uint32_t speed, uint32_t extended)
{
	static const uint32_t ext[] = { 14000, 25000, 50000, 100000 };
	static const uint32_t old[] = { 2500, 5000, 10000 };

	for (int i = 3; i >= 0; i--)
		if ((extended >> i & 1) != 0)
			return ext[i];
	for (int i = 2; i >= 0; i--)
		if ((speed >> i & 1) != 0)
			return old[i];
	return 0;
}

static uint32_t field(const uint8_t *info, enum MAD_FIELDS id)
{
	/* libibmad takes no const, but only reads. */
	return mad_get_field((uint8_t *)(uintptr_t)info, 0, id);
}

/* Does the port tell its LinkSpeedExt? CapabilityMask, bit 14; a switch tells it at port 0. */
static bool has_extended(const ibnd_port_t *port)
{
	const ibnd_port_t *zero = port->node->type == IB_NODE_SWITCH ? port->node->ports[0] : port;

	return zero == NULL || (field(zero->info, IB_PORT_CAPMASK_F) >> 14 & 1) != 0;
}

/* FDR10, which PortInfo calls QDR, is told by a block of NVIDIA's own that its devices of that time
 * answer; 10.3125 Gbit/s on the wire, as the other rates of its time are told. */
enum { FDR10_BIT = 1, FDR10_Mbps = 10312 };

static uint32_t or_fdr10(const ibnd_port_t *port, enum MAD_FIELDS id, uint32_t lane_Mbps)
{
	return lane_Mbps == 10000 && (field(port->ext_info, id) & FDR10_BIT) != 0 ? FDR10_Mbps :
		lane_Mbps;
}

static void fill_port(const ibnd_port_t *from, bool sw, struct ct_fabric_port *port)
{
	uint32_t state = field(from->info, IB_PORT_STATE_F);
	bool told = has_extended(from);
	uint32_t ext = told ? field(from->info, IB_PORT_LINK_SPEED_EXT_ACTIVE_F) : 0;
	uint32_t ext_on = told ? field(from->info, IB_PORT_LINK_SPEED_EXT_ENABLED_F) : 0;
	uint32_t ext_can = told ? field(from->info, IB_PORT_LINK_SPEED_EXT_SUPPORTED_F) : 0;

	port->state = state < CT_NFABRIC_STATES ? (enum ct_fabric_state)state : CT_FABRIC_UNKNOWN;
	port->lid = sw ? 0 : from->base_lid;
	port->lanes_can = lanes_of(field(from->info, IB_PORT_LINK_WIDTH_SUPPORTED_F));
	port->lanes_on = lanes_of(field(from->info, IB_PORT_LINK_WIDTH_ENABLED_F));
	port->lane_can_Mbps = lane_Mbps_of(field(from->info, IB_PORT_LINK_SPEED_SUPPORTED_F),
		ext_can);
	port->lane_can_Mbps = or_fdr10(from, IB_MLNX_EXT_PORT_LINK_SPEED_SUPPORTED_F,
		port->lane_can_Mbps);
	port->lane_on_Mbps = or_fdr10(from, IB_MLNX_EXT_PORT_LINK_SPEED_ENABLED_F,
		lane_Mbps_of(field(from->info, IB_PORT_LINK_SPEED_ENABLED_F), ext_on));
	if (port->state <= CT_FABRIC_DOWN)
		return;
	port->lanes = lanes_of(field(from->info, IB_PORT_LINK_WIDTH_ACTIVE_F));
	port->lane_Mbps = or_fdr10(from, IB_MLNX_EXT_PORT_LINK_SPEED_ACTIVE_F,
		lane_Mbps_of(field(from->info, IB_PORT_LINK_SPEED_ACTIVE_F), ext));
}

/* ---- nodes and cables ------------------------------------------------------------------------ */

static int compare_places(const void *x, const void *y)
{
	uintptr_t a = (uintptr_t)((const struct place *)x)->from;
	uintptr_t b = (uintptr_t)((const struct place *)y)->from;

	return (a > b) - (a < b);
}

static ct_status add_node(struct reader *r, const ibnd_node_t *from)
{
	bool sw = from->type == IB_NODE_SWITCH;
	enum ct_fabric_type type = sw ? CT_FABRIC_SWITCH :
		from->type == IB_NODE_ROUTER ? CT_FABRIC_ROUTER : CT_FABRIC_HCA;
	uint32_t index = 0, nports = from->numports > 0 ? (uint32_t)from->numports : 0;
	char name[32];
	struct ct_fabric_node *node;
	ct_status status;

	snprintf(name, sizeof(name), "0x%016" PRIx64, from->guid);
	status = ct_fabric_add(r->fabric, type, from->nodedesc[0] != '\0' ? from->nodedesc : name,
		nports, &index);
	if (status != CT_OK)
		return status;
	node = &r->fabric->nodes[index];
	node->guid = from->guid;
	node->lid = sw ? from->smalid : 0;
	for (uint32_t p = 1; p <= nports; p++)
		if (from->ports[p] != NULL)
			fill_port(from->ports[p], sw, &r->fabric->ports[node->first + p - 1]);
	r->places[r->n++] = (struct place){ from, index };
	return CT_OK;
}

static uint32_t port_index(const struct reader *r, const ibnd_port_t *port)
{
	struct place key = { .from = port->node };
	const struct place *place = bsearch(&key, r->places, r->n, sizeof(key), compare_places);
	const struct ct_fabric_node *node;

	if (place == NULL)
		return CT_FABRIC_NONE;
	node = &r->fabric->nodes[place->node];
	if (port->portnum < 1 || (uint32_t)port->portnum > node->nports)
		return CT_FABRIC_NONE;
	return node->first + (uint32_t)port->portnum - 1;
}

/* A fabric that changes while it is walked can give a port two ends: the first one stays. */
static void add_cables(struct reader *r, const ibnd_node_t *from)
{
	for (int p = 1; p <= from->numports; p++) {
		const ibnd_port_t *port = from->ports[p];
		uint32_t a, b;

		if (port == NULL)
			continue;
		a = port_index(r, port);
		if (port->remoteport == NULL) {
			r->open += a != CT_FABRIC_NONE && r->fabric->ports[a].state > CT_FABRIC_DOWN;
			continue;
		}
		b = port_index(r, port->remoteport);
		if (a == CT_FABRIC_NONE || b == CT_FABRIC_NONE ||
		    ct_fabric_connect(r->fabric, a, b) != CT_OK)
			r->open++;
	}
}

static ct_status add_all(struct reader *r)
{
	size_t n = 0;
	ct_status status = CT_OK;

	for (const ibnd_node_t *node = r->found->nodes; node != NULL; node = node->next)
		n++;
	r->places = ct_alloc(n, sizeof(*r->places));
	if (r->places == NULL)
		return CT_NOMEM;
	for (const ibnd_node_t *node = r->found->nodes; status == CT_OK && node != NULL;
	     node = node->next)
		status = add_node(r, node);
	if (r->n > 1)
		qsort(r->places, r->n, sizeof(*r->places), compare_places);
	for (const ibnd_node_t *node = r->found->nodes; status == CT_OK && node != NULL;
	     node = node->next)
		add_cables(r, node);
	return status;
}

/* ---- counters -------------------------------------------------------------------------------- */

static void decode_errors(uint8_t *packet, bool wait, uint64_t errors[CT_NFABRIC_ERRORS])
{
	static const enum MAD_FIELDS fields[CT_NFABRIC_ERRORS] = {
		[CT_FABRIC_ERROR_SYMBOL] = IB_PC_ERR_SYM_F,
		[CT_FABRIC_ERROR_RECOVERED] = IB_PC_LINK_RECOVERS_F,
		[CT_FABRIC_ERROR_DOWNED] = IB_PC_LINK_DOWNED_F,
		[CT_FABRIC_ERROR_RECEIVE] = IB_PC_ERR_RCV_F,
		[CT_FABRIC_ERROR_REMOTE] = IB_PC_ERR_PHYSRCV_F,
		[CT_FABRIC_ERROR_RELAY] = IB_PC_ERR_SWITCH_REL_F,
		[CT_FABRIC_ERROR_DISCARDS] = IB_PC_XMT_DISCARDS_F,
		[CT_FABRIC_ERROR_XMT_CONSTRAINT] = IB_PC_ERR_XMTCONSTR_F,
		[CT_FABRIC_ERROR_RCV_CONSTRAINT] = IB_PC_ERR_RCVCONSTR_F,
		[CT_FABRIC_ERROR_INTEGRITY] = IB_PC_ERR_LOCALINTEG_F,
		[CT_FABRIC_ERROR_OVERRUN] = IB_PC_ERR_EXCESS_OVR_F,
		[CT_FABRIC_ERROR_VL15] = IB_PC_VL15_DROPPED_F,
		[CT_FABRIC_ERROR_WAIT] = IB_PC_XMT_WAIT_F,
	};

	for (int e = 0; e < CT_NFABRIC_ERRORS; e++) {
		uint32_t value = 0;

		mad_decode_field(packet, fields[e], &value);
		errors[e] = e == CT_FABRIC_ERROR_WAIT && !wait ? CT_UNKNOWN : value;
	}
}

static bool ask_port(struct reader *r, ib_portid_t *to, uint32_t port, bool wait,
	uint64_t errors[CT_NFABRIC_ERRORS])
{
	uint8_t packet[1024] = { 0 };

	if (pma_query_via(packet, to, (int)port, PACKET_MS, IB_GSI_PORT_COUNTERS, r->mad) == NULL)
		return false;
	decode_errors(packet, wait, errors);
	return true;
}

static bool any_error(const uint64_t errors[CT_NFABRIC_ERRORS])
{
	for (int e = 0; e < CT_NFABRIC_ERRORS; e++)
		if (errors[e] != 0 && errors[e] != CT_UNKNOWN)
			return true;
	return false;
}

/* A switch that can sum over all its ports is asked once, and only a sum that is not 0 port by port:
 * in a healthy fabric that is one packet a switch. */
static bool read_counters(struct reader *r, uint32_t index)
{
	const struct ct_fabric_node *node = &r->fabric->nodes[index];
	uint64_t sum[CT_NFABRIC_ERRORS];
	uint8_t packet[1024] = { 0 };
	uint32_t capable = 0;
	ib_portid_t to;
	bool known = false, clean = false;

	for (uint32_t p = node->first; p < node->first + node->nports; p++) {
		struct ct_fabric_port *port = &r->fabric->ports[p];
		uint32_t lid = node->type == CT_FABRIC_SWITCH ? node->lid : port->lid;

		if (port->peer == CT_FABRIC_NONE || lid == 0)
			continue;
		ib_portid_set(&to, (int)lid, 0, 0);
		if (!known) {
			if (pma_query_via(packet, &to, 0, PACKET_MS, CLASS_PORT_INFO, r->mad) == NULL)
				return false;
			/* ClassPortInfo's capability mask (16.1.2.1 and 16.1.3.1 of the standard). */
			capable = (uint32_t)packet[2] << 8 | packet[3];
			clean = (capable & ALL_PORTS) != 0 && node->nports > 1 &&
				ask_port(r, &to, 0xff, true, sum) && !any_error(sum);
			known = true;
		}
		if (clean)
			memcpy(port->errors, sum, sizeof(sum));
		else if (!ask_port(r, &to, port->number, (capable & HAS_WAIT) != 0,
				port->errors))
			return false;
	}
	return true;
}

/* ---- forwarding tables ----------------------------------------------------------------------- */

static bool read_table(struct reader *r, const ibnd_node_t *from, uint32_t index)
{
	uint32_t top = field(from->switchinfo, IB_SW_LINEAR_FDB_TOP_F);
	ib_portid_t path = from->path_portid;

	if (top == 0 || top >= CT_FABRIC_LIDS_MOST)
		return true; /* no subnet manager was here */
	if (ct_fabric_table(r->fabric, index, top + 1) != CT_OK)
		return false;
	for (uint32_t lid = 0; lid <= top; lid += IB_SMP_DATA_SIZE) {
		uint32_t n = top + 1 - lid < IB_SMP_DATA_SIZE ? top + 1 - lid : IB_SMP_DATA_SIZE;
		uint8_t block[IB_SMP_DATA_SIZE] = { 0 };

		if (smp_query_via(block, &path, IB_ATTR_LINEARFORWTBL, lid / IB_SMP_DATA_SIZE,
			PACKET_MS, r->mad) == NULL)
			return false;
		memcpy(r->fabric->nodes[index].table + lid, block, n);
	}
	return true;
}

/* Half a table would look like lost routes. */
static void forget_table(struct reader *r, uint32_t index)
{
	struct ct_fabric_node *node = &r->fabric->nodes[index];

	ct_free(node->table);
	r->fabric->tables_bytes -= node->ntable;
	node->table = NULL;
	node->ntable = 0;
}

/* Returns whether the deadline and the patience were enough for all nodes. */
static bool read_details(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		uint32_t node = r->places[i].node;

		if (ct_deadline_passed(r->by) || r->silent >= SILENT_MOST)
			return false;
		if (!read_counters(r, node)) {
			r->silent++;
			continue;
		}
		if (r->fabric->nodes[node].type != CT_FABRIC_SWITCH ||
		    read_table(r, r->places[i].from, node))
			continue;
		forget_table(r, node);
		r->silent++;
	}
	return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void tell_partial(struct reader *r, bool all)
{
	struct ct_fabric *f = r->fabric;

	if (r->open > 0)
		snprintf(f->partial, sizeof(f->partial), "%u port%s up, but what is at the other end "
			"did not answer or changed meanwhile", r->open, r->open == 1 ? " is" : "s are");
	else if (r->silent > 0)
		snprintf(f->partial, sizeof(f->partial), "%u node%s did not answer when asked for "
			"counters or routes", r->silent, r->silent == 1 ? "" : "s");
	else if (!all)
		snprintf(f->partial, sizeof(f->partial), "the time was over before all counters and "
			"routes were read");
}

/* Counters and tables, each node in turn. */
static void read_all(struct reader *r, char *ca, int port)
{
	int classes[] = { IB_SMI_CLASS, IB_SMI_DIRECT_CLASS, IB_PERFORMANCE_CLASS };
	bool all = true;

	r->mad = r->cables ? NULL : mad_rpc_open_port(ca, port, classes, 3);
	if (r->mad != NULL) {
		mad_rpc_set_timeout(r->mad, PACKET_MS);
		mad_rpc_set_retries(r->mad, PACKET_TRIES);
		all = read_details(r);
		mad_rpc_close_port(r->mad);
	} else if (!r->cables) {
		r->silent = (uint32_t)r->n;
	}
	tell_partial(r, all);
}

static ct_status discover(struct reader *r, char *ca, int port)
{
	struct ibnd_config config = { .timeout_ms = PACKET_MS, .retries = PACKET_TRIES,
		.flags = IBND_CONFIG_MLX_EPI };
	ct_status status;

	r->found = ibnd_discover_fabric(ca, port, NULL, &config);
	if (r->found == NULL)
		return ct_fail(CT_IO, "%s: the subnet cannot be read (root, or access to "
			"/dev/infiniband/umad*, is needed)", ca);
	status = add_all(r);
	if (status == CT_OK)
		read_all(r, ca, port);
	ct_free(r->places);
	ibnd_destroy_fabric(r->found);
	return status;
}

/* The first adapter port with InfiniBand that is not down: the name of the adapter and the port. */
static bool choose_port(const char *ca, int port, char name[UMAD_CA_NAME_LEN], int *number)
{
	char names[UMAD_MAX_DEVICES][UMAD_CA_NAME_LEN];
	int n = umad_get_cas_names(names, UMAD_MAX_DEVICES);

	for (int i = 0; i < n; i++) {
		umad_ca_t found;
		bool good = false;

		if ((ca != NULL && strcmp(ca, names[i]) != 0) || umad_get_ca(names[i], &found) != 0)
			continue;
		for (int p = 1; !good && p <= found.numports && p < UMAD_CA_MAX_PORTS; p++) {
			const umad_port_t *at = found.ports[p];

			good = at != NULL && (port == 0 || p == port) && at->state > 1 &&
				strcmp(at->link_layer, "Ethernet") != 0;
			*number = p;
		}
		umad_release_ca(&found);
		memcpy(name, names[i], UMAD_CA_NAME_LEN);
		if (good)
			return true;
	}
	return false;
}

ct_status ct_fabric_ib_read(const char *ca, int port, bool cables, struct ct_deadline by,
	struct ct_fabric *fabric)
{
	struct ct_fabric read = { .link = CT_FABRIC_INFINIBAND };
	struct reader r = { .fabric = &read, .cables = cables, .by = by };
	char name[UMAD_CA_NAME_LEN] = "";
	ct_status status;

	if (umad_init() != 0 || !choose_port(ca, port, name, &port))
		return ct_fail(CT_UNSUPPORTED, "InfiniBand: no adapter port%s%s that is up",
			ca != NULL ? " of " : "", ca != NULL ? ca : "");
	snprintf(read.source, sizeof(read.source), "%s port %d%s", name, port,
		strncmp(name, "ibsim", 5) == 0 ? " (simulated by ibsim)" : "");
	status = discover(&r, name, port);
	if (status == CT_OK)
		status = ct_fabric_finish(&read);
	if (status != CT_OK)
		ct_fabric_free(&read);
	else
		*fabric = read;
	return status;
}
