# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every number and name that several parts of a node have to agree on.

All of them stand here so that two subsystems cannot take the same one. They are published on the nodes in
``rt_protos.d`` and ``rt_tables.d``.
"""

from __future__ import annotations

# Objects in FRR whose name begins with this are ours to change and to remove.
NAME_PREFIX = "fabric-"
BFD_PROFILE = "fabric-bfd"

# Route protocols (rt_protos). Not 99 (Open/R), not 186 (FRR's bgp), nothing in 1-4 (kernel, boot, static).
ROUTE_PROTOCOLS = {"fabric-host": 211, "fabric-guest": 212, "fabric-tunnel": 213}

# Route tables (rt_tables). 100-199 are ours; 253-255 are the kernel's. The first three are looked up for all traffic
# before main, so they never hold a default.
ROUTE_TABLES = {"fabric-guests": 100, "fabric-hosts": 101, "fabric-incoming": 102, "fabric-tunnel": 110}

# `ip rule` priorities, below main (32766). `fabric-incoming` is looked up for what arrives over GUEST_FORWARD only.
RULE_PRIORITIES = {"fabric-incoming": 990, "fabric-guests": 1000, "fabric-hosts": 1001, "fabric-tunnel": 1100}

# Metrics of a guest's route, and how often its node puts its AS number in front: a fresh claim wins, a node that only
# forwards to the guest's new place loses. All are below zebra's 20, since IPv6 routes of one prefix compete by metric.
GUEST_METRICS = {"fresh": 10, "steady": 11, "leaving": 12}
GUEST_PREPENDS = {"fresh": 0, "steady": 1, "leaving": 2}

# The bridge of routed guests: the same addresses and the same MAC on every node, so that a guest's neighbour entry of
# its gateway stays right when the guest moves.
GUEST_BRIDGE = {"name": "vmbr1", "mac": "02:00:5e:00:01:01", "ipv4": "169.254.0.1/32", "ipv6": "fe80::1/64"}
# What still arrives for a guest that has just moved is forwarded over this VXLAN device. Not 4789: EVPN's.
GUEST_FORWARD = {"interface": "fabric-fwd", "vni": 211, "port": 4787}
VXLAN_OVERHEAD = {"ipv4": 50, "ipv6": 70}
GUEST_FORWARD_MTU = 9000  # at most: what guests are given on jumbo networks
# Of a node's end of GUEST_FORWARD; its last three bytes are the node's id.
GUEST_FORWARD_MAC = 0x02FD00000000
# What the guest agent is told: how long a fresh claim wins, how long a node forwards after a guest left, how often it
# looks at the cluster's list of guests, and does so while a guest is moving, and when it compares everything anew.
GUEST_TIMING = {
    "fresh_s": 10,
    "leaving_min_s": 1,
    "leaving_max_s": 30,
    "poll_s": 0.1,
    "fast_poll_s": 0.025,
    "resync_s": 30,
}
GUESTS_FILE = "/etc/pve/fabric/guests.json"  # in Proxmox' cluster file system: written once a cluster

VXLAN_PORT = 4789

# Tunnels between edge routers. A pair of them is numbered by both ids, so that no number depends on who else is there.
EXTENSION_ID_MAXIMUM = 4095
EXTENSION_VXLAN_PORT = 4788  # apart from EVPN's and the guests' devices, so that VNIs cannot clash
EXTENSION_WIREGUARD_PORT = 52000  # plus the id of the other end
EXTENSION_SSH_PORT = 2211
EXTENSION_OVERHEAD = {
    "vxlan": {"ipv4": 50, "ipv6": 70},
    "wireguard": {"ipv4": 60, "ipv6": 80},
    "gre": {"ipv4": 24, "ipv6": 48},
    "ssh": {"ipv4": 0, "ipv6": 0},
}
EXTENSION_MTU = 9000  # at most
# Of an edge's end of a VXLAN tunnel; its last three bytes are the node's id.
EXTENSION_MAC = 0x02FC00000000
# The same on the ports of all edges, so that a device that moves keeps its neighbour entries.
EXTENSION_PORT_MAC = "02:00:5e:00:02:01"
# What is left of a subnet when no device has an address. Behind all devices' routes.
EXTENSION_UNREACHABLE_METRIC = 4000
# How an edge prefers a fresh claim of another edge to its own route: FRR's own routes have the weight 32768.
EXTENSION_FRESH_WEIGHT = 40000
COMMUNITY_FRESH = "64512:212"
VLAN_MAXIMUM = 4094
# The MAC address of a segment's gateway is this with the VNI in its last three octets: the same on every member.
GATEWAY_MAC_PREFIX = 0x02FB00000000
# What a reflector's VTEPs and routers between them may be hops away.
REFLECTOR_HOPS = 255

FIREWALL_MARKS = {"fabric-tunnel": 0x0FAB}
NFT_TABLES = {
    "guests": "fabric_guests",
    "gateway": "fabric_gateway",
    "tunnels": "fabric_tunnels",
    "extension": "fabric_extension",
}

# Set by a node on what it learned from its own upstreams and tunnels, removed by every node on what it hears from
# the fabric: so the tag means "learned by me outside of the fabric" and never opens a transit path.
# A standard community: `set comm-list ... delete` has no form for large ones in FRR 8.4.
COMMUNITY_OUTSIDE = "64512:211"

BFD_DEFAULT = (300, 3)  # ms, packets: 3x100 fires falsely on busy machines
BFD_TWIN = (1000, 3)  # all nodes of a twin share two cores
# FRR 10.2 and 10.3 keep BGP idle while a neighbour's BFD session is down; FRR 8.4 begins BFD when BGP is up. Between
# the two neither begins again after a restart (seen with 10.3 and 8.4), so such sessions go without BFD.
BFD_WAITS_FOR_BGP = ("bookworm",)
BFD_BEFORE_BGP = ("trixie",)
# FRR 10.3 loses the BFD session of an unnumbered neighbor on an interface with a point-to-point IPv4 address when the
# neighbor restarts, and then keeps BGP idle for ever (seen every time; 8.4 does not, and without BFD 10.3 neither).
BFD_LOST_BESIDE_PEER_ADDRESS = ("trixie",)
# FRR 8.4 keeps a group of next hops for 180 s after its last use and takes it up again without telling the kernel,
# which has dropped the member whose link was down meanwhile: the route stays on one uplink. FRR 10.3 installs it anew.
RELEASE_LINES = {"bookworm": ("zebra nexthop-group keep 1",)}
BGP_TIMERS = {"keepalive_s": 3, "hold_s": 9}
BGP_CONNECT_S = 10
MAXIMUM_PATHS = 64
RA_INTERVAL_MS = 10000
MTU_DEFAULT = 1500

# How long a booting Proxmox node holds corosync and pmxcfs back for the fabric's routes; then it goes on without.
FABRIC_ONLINE_S = 60

# Neighbour table: room for a /20 of guests and the fabric.
NEIGHBOUR_LIMITS = {"gc_thresh1": 4096, "gc_thresh2": 16384, "gc_thresh3": 32768}

# Nodes never have these: reserved by IANA or of special meaning (RFC 7607, 6793, 7300).
RESERVED_ASNS = (0, 23456, 65535, 4294967295)

# An address that has moved is announced at these times after it did: the first ones make the gap short, the later ones
# are for ports that were not up yet (a single announcement was seen to be lost 0.4 ms before the port came up).
ANNOUNCE_AT_MS = (0, 20, 50, 100, 200, 500, 1000, 2000)

# The metric of blackhole routes that catch what a tunnel does not carry any more; every other route wins.
BLACKHOLE_METRIC = 4096
# A handshake is renewed every 120 s while there is traffic, and given up after 180 s (WireGuard's REJECT_AFTER_TIME).
HANDSHAKE_MAXIMUM_S = 180

# In the twin, what border gateways and upstreams lead to.
TWIN_WORLD = {"ipv4": "198.51.100.1", "ipv6": "2001:db8:ffff::1"}
# What upstreams announce in the twin beside what they shall: it must not come in.
TWIN_FOREIGN = {"ipv4": "198.18.0.0/15", "ipv6": "2001:db8:f0e0::/48"}
