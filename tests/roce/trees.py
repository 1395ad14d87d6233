# SPDX-License-Identifier: BSD-3-Clause
"""Writes synthetic captured trees, one for each driver healthy and with each planted fault that the
driver can show, below the folder OUT: no real machine was captured for any of them. Prints a line
"tree rule" each, the rule that must be found, "-" for none.

    trees.py OUT
"""
import os
import struct
import sys

DEVICES = {"mlx5": "mlx5_0", "bnxt": "bnxt_re0", "irdma": "irdma0", "rxe": "rxe0"}
PACKETS = 1000000000

# ---- DCB as the kernel answers (include/uapi/linux/dcbnl.h) -------------------------------------------


def attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + bytes(-size % 4)


def dcb_answer(dcb):
    ets = struct.pack("=3B", dcb["willing"], 8, 0) + bytes([0, 0, 0, 50, 0, 0, 0, 0]) * 2
    ets += bytes([2] * 8) + bytes(range(8)) + bytes(24)
    pfc = struct.pack("=3BxHxx16Q", 8, dcb["pfc"], 0, dcb.get("delay", 0), *([0] * 16))
    peer = struct.pack("=3BxHxx16Q", 8, dcb["peer"], 0, 0, *([0] * 16))
    apps = b"".join(attribute(1, struct.pack("=BBH", 5, p, d)) for d, p in dcb["map"].items())
    wants = attribute(1, struct.pack("=BBH", 3, dcb["peer_app"], 4791))
    ieee = attribute(1, ets) + attribute(2, pfc) + attribute(3, apps) + attribute(4, ets) + \
        attribute(5, peer) + attribute(6, wants)
    if "buffer" in dcb:  # bytes of buffer 1, which has the priorities with PFC
        ieee += attribute(10, bytes(dcb["pfc"] >> i & 1 for i in range(8)) +
                          struct.pack("=9I", 65536, dcb["buffer"], *([0] * 6), 65536 + dcb["buffer"]))
    body = struct.pack("=BBH", 0, 21, 0) + attribute(1, b"eth2\0") + attribute(13, ieee)
    body += attribute(14, bytes([dcb["dcbx"]]))
    message = struct.pack("=IHHII", 16 + len(body), 78, 0, 1, 0) + body
    return "\n".join(message.hex()[i:i + 64] for i in range(0, 2 * len(message), 64)) + "\n"


# ---- a healthy machine --------------------------------------------------------------------------------

# Our word: what the driver's hw_counters call it.
NAMES = {
    "mlx5": {"gaps": "out_of_sequence", "naks": "packet_seq_err", "timeouts": "local_ack_timeout_err",
             "twice": "duplicate_request", "marked": "np_ecn_marked_roce_packets", "cnp_tx": "np_cnp_sent",
             "cnp_rx": "rp_cnp_handled", "cnp_ignored": "rp_cnp_ignored", "icrc": "rx_icrc_encapsulated",
             "restart_cnps": "roce_slow_restart_cnps", "restarts": "roce_slow_restart"},
    "bnxt": {"gaps": "oos_drop_count", "naks": "seq_err_naks_rcvd", "timeouts": "to_retransmits",
             "twice": "dup_req", "marked": "rx_ecn_marked_pkts", "cnp_tx": "tx_cnp_pkts",
             "cnp_rx": "rx_cnp_pkts", "tx_packets": "tx_pkts", "rx_packets": "rx_pkts",
             "tx_bytes": "tx_bytes", "rx_bytes": "rx_bytes"},
    "irdma": {"gaps": "Rcvd Out of order packets", "naks": "Nak Sequence Error", "timeouts": "RTO",
              "marked": "RxECNMrkd", "cnp_tx": "cnpSent", "cnp_rx": "cnpHandled",
              "cnp_ignored": "cnpIgnored", "icrc": "CRC errors", "tx_packets": "ip4OutPkts",
              "rx_packets": "ip4InPkts", "tx_bytes": "ip4OutOctets", "rx_bytes": "ip4InOctets"},
    "rxe": {"gaps": "out_of_seq_request", "naks": "rcvd_seq_err", "timeouts": "completer_retry_err",
            "twice": "duplicate_request", "tx_packets": "sent_pkts", "rx_packets": "rcvd_pkts"},
}


def healthy(driver):
    return {
        "driver": driver, "mtu": 4200, "gids": [("fe80", 1), ("fe80", 2), ("v4", 1), ("v4", 2)],
        "dcb": {"pfc": 8, "peer": 8, "peer_app": 3, "willing": 0, "dcbx": 9, "map": {26: 3, 48: 6}},
        "count": {"gaps": 3, "naks": 2, "timeouts": 3, "twice": 1, "marked": 50000, "cnp_tx": 48000,
                  "cnp_rx": 47000, "cnp_ignored": 10, "icrc": 0, "restart_cnps": 0, "restarts": 0,
                  "tx_packets": PACKETS, "rx_packets": PACKETS, "tx_bytes": 4096 * PACKETS,
                  "rx_bytes": 4096 * PACKETS},
        "rx_pause": 2000, "tx_pause": 0, "rx_paused_us": 1000000, "tx_paused_us": 0, "carrier": 3,
        "tclass": 106 if driver == "mlx5" else None, "cm_tos": None, "np": 255, "rp": 255,
        "cnp_dscp": 48, "storm_guard": 100, "storm_errors": 0, "oversize": 0, "stalled": 0,
        "lanes": 0, "link_pause": "off", "iommu": "identity", "bond": None, "ce": 0,
        "rides": RIDE_DSCP if driver == "rxe" else RIDE_PRIORITY,
        "probes": {"same_rail": 1, "cross_rail": 1, "host_Bps": 12.1e9, "gpu_Bps": 11.9e9,
                   "flow_low_Bps": 11e9, "flow_high_Bps": 12e9, "forward_Bps": 12e9,
                   "backward_Bps": 11.9e9, "ordered_ns": 350e3, "relaxed_ns": 340e3, "ece_errors": 0,
                   "plain_errors": 0, "goodput": 0.95},
    }


# ---- planted faults: rule, drivers that can show it, what is changed -----------------------------------

DCB = ("mlx5", "bnxt", "irdma")
ALL = ("mlx5", "bnxt", "irdma", "rxe")
FAULTS = []


def fault(rule, drivers, name=None):
    def keep(change):
        FAULTS.append((rule, name or rule, drivers, change))
        return change
    return keep


def setting(rule, drivers, name=None, **values):
    FAULTS.append((rule, name or rule, drivers, lambda m: m.update(values)))


def in_dcb(rule, name=None, **values):
    FAULTS.append((rule, name or rule, DCB, lambda m: m["dcb"].update(values)))


def probe(rule, **values):
    FAULTS.append((rule, rule, ALL, lambda m: m["probes"].update(values)))


def quiet(m):
    m.update(rx_pause=0, tx_pause=0, rx_paused_us=0)


def lose(m):
    m["count"].update(naks=90000, timeouts=30000, gaps=80000)


setting("data-priority", DCB, cm_tos=34, tclass=None)
setting("tos-differ", ("mlx5",), cm_tos=34)
setting("traffic-priority", ("mlx5", "bnxt"), carrier=0)
in_dcb("pfc-peer", peer=0)
in_dcb("peer-app", peer_app=4)
in_dcb("dcbx-willing", dcbx=14)
in_dcb("dcbx-willing", "ets-willing", willing=1)
setting("gid-usable", ALL, "gid-version", gids=[("fe80", 1), ("v4", 1)])
setting("gid-usable", ALL, "gid-link-local", gids=[("fe80", 1), ("fe80", 2)])
setting("gid-usable", ALL, "gid-none", gids=[])
setting("roce-mtu", ALL, mtu=1500)
setting("oversize", ("mlx5",), oversize=77)
setting("pause-storm", ("mlx5",), "storm-guard-struck", storm_errors=2)
setting("pause-storm", ("mlx5", "bnxt"), "paused-by-the-network", rx_paused_us=60000000000)
setting("storm-guard", ("mlx5",), storm_guard=0)
setting("both-pauses", DCB, link_pause="on")
setting("host-pauses", DCB, tx_pause=50000, rx_pause=0, rx_paused_us=0, stalled=400)
setting("iommu-group", DCB, iommu="DMA-FQ")
setting("bond-hash", ALL, bond="layer2 0")
setting("dcqcn-off", ("mlx5",), rp=0)
setting("cnp-class", ("mlx5",), cnp_dscp=26)
setting("link-errors", ("mlx5",), "lanes", lanes=5000)
setting("ce-marks", ("rxe",), ce=5000)
probe("rail-reach", cross_rail=0)
probe("gpu-path", gpu_Bps=5.9e9)
probe("flow-collision", flow_low_Bps=5.5e9)
probe("one-direction", backward_Bps=8e9)
probe("relaxed-ordering", relaxed_ns=80e6)
probe("ece", ece_errors=12)


# Lines of said/roce-rides behind the device: library, class told, what, number, count. Packets by DSCP are known of
# soft RoCE, bytes by priority of adapters that count so; the interface carries other traffic, too.
RIDE_DSCP = ["mpi 106 sent 900 9000000", "mpi 106 dscp 26 890", "mpi 106 dscp 0 10"]
RIDE_PRIORITY = ["mpi 106 sent 900 9000000", "mpi 106 priority 3 9100000", "mpi 106 priority 0 40000000"]
setting("library-told", ("rxe",), rides=["mpi 106 dscp 26 400", "mpi 106 dscp 0 500"])
setting("library-told", DCB, "library-told-priority", rides=[
    "mpi 106 sent 900 9000000", "mpi 106 priority 3 4000", "mpi 106 priority 0 9100000", "nccl 106 sent 9 100",
    "nccl 106 priority 0 4000000"])
setting("library-contract", ("rxe",), rides=RIDE_DSCP + ["nccl 0 dscp 0 800"])
setting("library-contract", DCB, "library-contract-priority", rides=RIDE_PRIORITY + [
    "nccl - sent 900 9000000", "nccl - priority 0 9100000"])


@fault("dscp-map", DCB)
def dscp_map(m):
    m["tclass"] = None
    m["dcb"]["map"] = {26: 1, 48: 6}
    m["rides"] = []


@fault("silent-loss", ALL)
def silent_loss(m):
    quiet(m)
    lose(m)


@fault("silent-loss", DCB, "silent-loss-without-pfc")
def silent_loss_without_pfc(m):
    silent_loss(m)
    m["dcb"].update(pfc=0, peer=0)


@fault("lossless-loss", DCB)
def lossless_loss(m):
    lose(m)


@fault("pfc-off", DCB)
def pfc_off(m):
    quiet(m)
    m["dcb"].update(pfc=0, peer=0)


@fault("link-errors", ("mlx5", "irdma"), "icrc")
def icrc(m):
    m["count"]["icrc"] = 4000


@fault("cnp-without-marks", DCB)
def cnp_without_marks(m):
    m["count"].update(marked=0, restart_cnps=48000)


@fault("reordering", ALL)
def reordering(m):
    m["count"]["gaps"] = 100000


@fault("cnp-ignored", ("mlx5", "irdma"))
def cnp_ignored(m):
    m["count"].update(cnp_ignored=47000, cnp_rx=12)


@fault("ecn-late", DCB)
def ecn_late(m):
    m["rx_pause"] = 200000
    m["count"].update(marked=0, cnp_tx=0, cnp_rx=0, cnp_ignored=0)


@fault("ecn-early", DCB)
def ecn_early(m):
    quiet(m)
    m["count"].update(marked=PACKETS // 20, cnp_tx=PACKETS // 50, cnp_rx=PACKETS // 50)
    m["probes"]["goodput"] = 0.7


# ---- writing ------------------------------------------------------------------------------------------


class Tree:
    def __init__(self, top):
        self.top = top

    def put(self, path, text):
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{text}\n")


def statistics(m):
    """What ethtool -S says."""
    rows = {}
    data = m["carrier"]
    if m["driver"] == "mlx5":
        for i in range(8):
            rows[f"tx_prio{i}_bytes"] = 4200 * PACKETS if i == data else 1000
            rows[f"rx_prio{i}_bytes"] = 4200 * PACKETS if i == data else 1000
        rows.update({"rx_prio3_pause": m["rx_pause"], "rx_prio3_pause_duration": m["rx_paused_us"],
                     "tx_prio3_pause": m["tx_pause"], "tx_prio3_pause_duration": m["tx_paused_us"],
                     "tx_pause_storm_error_events": m["storm_errors"], "rx_oversize_pkts_phy": m["oversize"],
                     "outbound_pci_stalled_wr_events": m["stalled"], "rx_pcs_symbol_err_phy": m["lanes"]})
    elif m["driver"] == "bnxt":
        for i in range(8):
            rows[f"tx_bytes_pri{i}"] = 4200 * PACKETS if i == data else 1000
        rows.update({"pfc_pri3_rx_transitions": m["rx_pause"], "pfc_pri3_rx_duration_us": m["rx_paused_us"],
                     "pfc_pri3_tx_transitions": m["tx_pause"], "pfc_pri3_tx_duration_us": m["tx_paused_us"]})
    else:
        rows.update({"rx_priority_3_xoff.nic": m["rx_pause"], "tx_priority_3_xoff.nic": m["tx_pause"]})
    return "NIC statistics:\n" + "\n".join(f"     {k}: {v}" for k, v in rows.items())


GIDS = {"fe80": "fe80:0000:0000:0000:0200:00ff:fe00:0001", "v4": "0000:0000:0000:0000:0000:ffff:0a00:0001"}


def write_port(t, m, device):
    port = f"sys/class/infiniband/{device}/ports/1"
    t.put(f"{port}/state", "4: ACTIVE")
    t.put(f"{port}/link_layer", "Ethernet")
    t.put(f"{port}/rate", "100 Gb/sec (4X EDR)")
    t.put(f"{port}/hw_counters/lifespan", 10)
    for i in range(max(len(m["gids"]), 1)):
        kind, version = m["gids"][i] if m["gids"] else (None, 1)
        t.put(f"{port}/gids/{i}", GIDS.get(kind, ":".join(["0000"] * 8)))
        t.put(f"{port}/gid_attrs/types/{i}", "RoCE v2" if version == 2 else "IB/RoCE v1")
        t.put(f"{port}/gid_attrs/ndevs/{i}", "eth2")
    for word, name in NAMES[m["driver"]].items():
        t.put(f"{port}/hw_counters/{name}", m["count"][word])
    if m["driver"] == "mlx5":
        for name, word, scale in (("port_xmit_data", "tx_bytes", 4), ("port_rcv_data", "rx_bytes", 4),
                                  ("port_xmit_packets", "tx_packets", 1),
                                  ("port_rcv_packets", "rx_packets", 1)):
            t.put(f"{port}/counters/{name}", m["count"][word] // scale)


def write(top, m, label):
    t, driver = Tree(top), m["driver"]
    device = DEVICES[driver]
    t.put("said/label", f"synthetic: {label}")
    t.put("proc/sys/kernel/hostname", driver)
    t.put("proc/uptime", "100000.00 90000.00")
    t.put("proc/net/netstat", f"TcpExt: SyncookiesSent\nTcpExt: 0\nIpExt: InOctets InCEPkts\n"
          f"IpExt: 123 {m['ce']}")
    t.put("said/roce-probes", "\n".join(f"{k} {v}" for k, v in m["probes"].items()))
    t.put("said/roce-rides", "\n".join(f"{device} {line}" for line in m["rides"]))
    write_port(t, m, device)
    t.put("sys/class/net/eth2/mtu", m["mtu"])
    t.put("sys/class/net/eth2/speed", 100000)
    if m["bond"] is not None:
        t.put("sys/class/net/eth2/master/uevent", "INTERFACE=bond0")
        t.put("sys/class/net/bond0/bonding/mode", "802.3ad 4")
        t.put("sys/class/net/bond0/bonding/xmit_hash_policy", m["bond"])
    if m["tclass"] is not None:
        t.put(f"sys/class/infiniband/{device}/tc/1/traffic_class", f"Global tclass={m['tclass']}")
    if m["cm_tos"] is not None:
        t.put(f"sys/kernel/config/rdma_cm/{device}/ports/1/default_roce_tos", m["cm_tos"])
    if driver == "rxe":
        return
    t.put("said/dcb-eth2", dcb_answer(m["dcb"]))
    t.put("said/ethtool-S-eth2", statistics(m))
    t.put("said/ethtool-a-eth2", f"Pause parameters for eth2:\nAutonegotiate:\toff\nRX:\t\t{m['link_pause']}\n"
          f"TX:\t\t{m['link_pause']}")
    t.put(f"sys/class/infiniband/{device}/device/uevent", "PCI_SLOT_NAME=0000:17:00.0")
    t.put(f"sys/class/infiniband/{device}/device/iommu_group/type", m["iommu"])
    if driver == "bnxt":
        for name, value in (("enable_cc", 1), ("tos_dscp", 26), ("alt_vlan_dscp", 48), ("cc_mode", 1)):
            t.put(f"sys/kernel/debug/bnxt_re/0000:17:00.0/cc_config/{name}", value)
    if driver == "mlx5":
        t.put("said/ethtool-storm-eth2", f"pfc-prevention-tout: {m['storm_guard']}")
        t.put("sys/class/net/eth2/ecn/roce_np/cnp_dscp", m["cnp_dscp"])
        for i in range(8):
            t.put(f"sys/class/net/eth2/ecn/roce_np/enable/{i}", m["np"] >> i & 1)
            t.put(f"sys/class/net/eth2/ecn/roce_rp/enable/{i}", m["rp"] >> i & 1)


def main():
    out = sys.argv[1]
    for driver in ALL:
        write(os.path.join(out, f"{driver}-healthy"), healthy(driver), f"{driver}, healthy")
        print(f"{driver}-healthy -")
        for rule, name, drivers, change in FAULTS:
            if driver not in drivers:
                continue
            m = healthy(driver)
            change(m)
            write(os.path.join(out, f"{driver}-{name}"), m, f"{driver}, {name}")
            print(f"{driver}-{name} {rule}")


if __name__ == "__main__":
    main()
