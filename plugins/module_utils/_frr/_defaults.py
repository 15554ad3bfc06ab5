# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What FRR leaves out of its running configuration because it is the default. Private to this collection.

Measured on FRR 8.4.4 and 10.3, by feeding each line to each profile and reading the running configuration. A profile
(``frr defaults``) changes what an absent line means, so an option that is not given keeps the profile's value.
"""

from __future__ import annotations

from typing import NamedTuple

PROFILES = ("traditional", "datacenter")
SUPPORTED = ((8, 4), (10, 3))
NEWER = (9, 1)  # between the two: enforce-first-as and others changed here (bgpd/bgp_vty.c)


class Hidden(NamedTuple):
    scope: str
    words: str
    profiles: tuple[str, ...] = PROFILES
    since: tuple[int, int] = (0, 0)
    before: tuple[int, int] = (999, 0)


DATACENTER = ("datacenter",)
TRADITIONAL = ("traditional",)

TABLE = (
    Hidden("instance", "bgp default ipv4-unicast"),
    Hidden("instance", "bgp network import-check"),
    Hidden("instance", "bgp fast-external-failover"),
    Hidden("instance", "bgp suppress-duplicates"),
    Hidden("instance", "no bgp always-compare-med"),
    Hidden("instance", "no bgp graceful-shutdown"),
    Hidden("instance", "no bgp shutdown"),
    Hidden("instance", "no bgp bestpath as-path multipath-relax"),
    Hidden("instance", "no bgp bestpath as-path ignore"),
    Hidden("instance", "no bgp bestpath compare-routerid"),
    Hidden("instance", "no bgp bestpath med missing-as-worst"),
    Hidden("instance", "no bgp graceful-restart"),
    Hidden("instance", "no bgp graceful-restart-disable"),
    Hidden("instance", "no bgp graceful-restart preserve-fw-state"),
    Hidden("instance", "bgp graceful-restart restart-time 120"),
    Hidden("instance", "bgp graceful-restart stalepath-time 360"),
    Hidden("instance", "bgp listen limit 100"),
    Hidden("instance", "bgp conditional-advertisement timer 60"),
    Hidden("instance", "bgp log-neighbor-changes", DATACENTER),
    Hidden("instance", "no bgp log-neighbor-changes", TRADITIONAL),
    Hidden("instance", "bgp ebgp-requires-policy", TRADITIONAL),
    Hidden("instance", "no bgp ebgp-requires-policy", DATACENTER),
    Hidden("instance", "bgp deterministic-med", DATACENTER),
    Hidden("instance", "no bgp deterministic-med", TRADITIONAL),
    Hidden("instance", "timers bgp 3 9", DATACENTER),
    Hidden("instance", "timers bgp 60 180", TRADITIONAL),
    # the words after "neighbor NAME"
    Hidden("neighbor", "no bfd"),
    Hidden("neighbor", "no shutdown"),
    Hidden("neighbor", "no passive"),
    Hidden("neighbor", "no solo"),
    Hidden("neighbor", "no disable-connected-check"),
    Hidden("neighbor", "no strict-capability-match"),
    Hidden("neighbor", "no capability extended-nexthop"),
    Hidden("neighbor", "ebgp-multihop 1"),
    Hidden("neighbor", "port 179"),
    Hidden("neighbor", "no enforce-first-as", before=NEWER),
    Hidden("neighbor", "enforce-first-as", since=NEWER),
    Hidden("neighbor", "no capability dynamic", before=NEWER),
    Hidden("neighbor", "no capability dynamic", TRADITIONAL, since=NEWER),
    Hidden("neighbor", "capability dynamic", DATACENTER, since=NEWER),
    # an unnumbered neighbor cannot be without RFC 8950
    Hidden("interface_neighbor", "capability extended-nexthop"),
    Hidden("family_neighbor", "no next-hop-self"),
    Hidden("family_neighbor", "no route-reflector-client"),
    Hidden("family_neighbor", "no route-server-client"),
    Hidden("family_neighbor", "no remove-private-AS"),
    Hidden("family_neighbor", "no as-override"),
    Hidden("family_neighbor", "no default-originate"),
    Hidden("family_neighbor", "no soft-reconfiguration inbound"),
    Hidden("family_neighbor", "send-community"),
    Hidden("family_neighbor", "send-community standard"),
    Hidden("family_neighbor", "send-community extended"),
    Hidden("family_neighbor", "send-community large"),
    Hidden("family_neighbor", "send-community both"),
    Hidden("family_neighbor", "send-community all"),
    # in l2vpn evpn the next hop stays as it is unless another attribute-unchanged line says otherwise
    Hidden("evpn_neighbor", "attribute-unchanged next-hop"),
    Hidden("evpn", "no advertise-all-vni"),
    Hidden("evpn", "no advertise-svi-ip"),
    Hidden("evpn", "no advertise-default-gw"),
    Hidden("evpn", "dup-addr-detection"),
    Hidden("evpn", "dup-addr-detection max-moves 5 time 180"),
    Hidden("evpn", "flooding head-end-replication"),
    Hidden("vni", "no advertise-svi-ip"),
    Hidden("vni", "no advertise-default-gw"),
    Hidden("interface", "ipv6 nd suppress-ra"),
    Hidden("interface", "ipv6 nd ra-interval 600"),
    Hidden("interface", "no ipv6 nd managed-config-flag"),
    Hidden("interface", "no ipv6 nd other-config-flag"),
    Hidden("bfd_profile", "detect-multiplier 3"),
    Hidden("bfd_profile", "transmit-interval 300"),
    Hidden("bfd_profile", "receive-interval 300"),
    Hidden("bfd_profile", "no shutdown"),
    Hidden("bfd_profile", "no passive-mode"),
    Hidden("bfd_profile", "no echo-mode"),
    Hidden("bfd_profile", "echo transmit-interval 50"),
    Hidden("bfd_profile", "echo receive-interval 50"),
    Hidden("bfd_profile", "minimum-ttl 254"),
)


def hidden(scope: str, version: tuple[int, int], profile: str) -> frozenset[str]:
    """The lines of that scope that FRR of this version and profile does not print."""
    return frozenset(
        row.words
        for row in TABLE
        if row.scope == scope and profile in row.profiles and row.since <= version < row.before
    )


def _check() -> None:
    """A line and its ``no`` cannot both be the default."""
    scopes = {row.scope for row in TABLE}
    for scope in scopes:
        for version in SUPPORTED:
            for profile in PROFILES:
                words = hidden(scope, version, profile)
                both = {line for line in words if f"no {line}" in words}
                if both:
                    raise ValueError(f"{scope} {version} {profile}: {both}")


_check()
