# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BGP instances: data <-> lines. Private to this collection.

Sources: RFC 4271, 4456 (cluster id), 4724 (graceful restart), 8212 (ebgp_requires_policy), 8326 (graceful
shutdown), FRR's BGP page.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._family_neighbor_rows import (
    FAMILY_NEIGHBOR_ROWS,
    join_unchanged,
    split_unchanged,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._family_rows import (
    EVPN_ROWS,
    FAMILY_ROWS,
    IMPORT_VRF,
    VNI_ROWS,
    decode_advertise,
    decode_aggregate,
    decode_network,
    decode_redistribute,
    encode_advertise,
    encode_aggregate,
    encode_network,
    encode_redistribute,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._neighbor_rows import NEIGHBOR_ROWS, REMOTE_AS
from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import (
    MISSING,
    Clause,
    Row,
    check_rows,
    choice,
    decode_rows,
    encode_rows,
    flag,
    join_no,
    number,
    number_or_word,
    split_no,
    word,
)
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import Line, address, natural, prefix

INSTANCE = re.compile(r"router bgp (\d+)(?: vrf (\S+))?")
FAMILY = re.compile(r"address-family (ipv4|ipv6|l2vpn) (unicast|evpn)")
NEIGHBOR = re.compile(r"(no )?neighbor (\S+) (.+)")
INTERFACE = re.compile(r"interface( v6only)?(?: peer-group (\S+)| remote-as (\S+))?")
LISTEN_RANGE = re.compile(r"bgp listen range (\S+) peer-group (\S+)")


def _encode_timers(value: Any) -> list[Clause]:
    return [(False, f"timers bgp {value['keepalive_s']} {value['hold_s']}")]


def _decode_timers(negated: bool, words: str, _so_far: Any) -> Any:
    match = re.fullmatch(r"timers bgp (\d+) (\d+)", words)
    return MISSING if negated or not match else {"keepalive_s": int(match[1]), "hold_s": int(match[2])}


INSTANCE_ROWS = check_rows(
    [
        word("router_id", "bgp router-id", "10.0.0.1"),
        word("cluster_id", "bgp cluster-id", "10.0.0.1"),
        flag("default_ipv4_unicast", "bgp default ipv4-unicast"),
        flag("ebgp_requires_policy", "bgp ebgp-requires-policy"),
        flag("network_import_check", "bgp network import-check"),
        flag("log_neighbor_changes", "bgp log-neighbor-changes"),
        flag("always_compare_med", "bgp always-compare-med"),
        flag("deterministic_med", "bgp deterministic-med"),
        flag("fast_external_failover", "bgp fast-external-failover"),
        flag("suppress_duplicates", "bgp suppress-duplicates"),
        flag("graceful_shutdown", "bgp graceful-shutdown"),
        flag("shutdown", "bgp shutdown"),
        flag("bestpath.as_path_multipath_relax", "bgp bestpath as-path multipath-relax"),
        flag("bestpath.as_path_ignore", "bgp bestpath as-path ignore"),
        flag("bestpath.compare_router_id", "bgp bestpath compare-routerid"),
        flag("bestpath.med_missing_as_worst", "bgp bestpath med missing-as-worst"),
        choice(
            "graceful_restart.mode",
            {
                "enabled": [(False, "bgp graceful-restart")],
                "disabled": [(False, "bgp graceful-restart-disable")],
                "helper_only": [],  # what FRR does unless told otherwise
            },
        ),
        number("graceful_restart.restart_time_s", "bgp graceful-restart restart-time"),
        number("graceful_restart.stale_path_time_s", "bgp graceful-restart stalepath-time"),
        flag("graceful_restart.preserve_forwarding_state", "bgp graceful-restart preserve-fw-state"),
        Row("timers", _encode_timers, _decode_timers, {"keepalive_s": 3, "hold_s": 9}),
        number("conditional_advertisement_interval_s", "bgp conditional-advertisement timer"),
        number("listen.limit", "bgp listen limit"),
    ]
)


def instance_head(instance: dict[str, Any]) -> str:
    vrf = instance.get("vrf") or "default"
    return f"router bgp {instance['asn']}" + ("" if vrf == "default" else f" vrf {vrf}")


def automatic_route_target(head: str, vni_head: str) -> str:
    """The route target that FRR gives a VNI by itself: the low 16 bits of the ASN, and the VNI."""
    match = INSTANCE.fullmatch(head)
    return f"{int(match[1]) & 0xFFFF if match else 0}:{vni_head.split()[1]}"


def render_instances(instances: list[dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for instance in instances:
        head = instance_head(instance)
        lines.append(((), head))
        lines.extend(((head,), join_no(*clause)) for clause in encode_rows(INSTANCE_ROWS, instance))
        for group in instance.get("peer_groups") or []:
            lines.append(((head,), f"neighbor {group['name']} peer-group"))
            if group.get("remote_as") is not None:
                lines.append(((head,), f"neighbor {group['name']} remote-as {group['remote_as']}"))
            lines.extend(((head,), words) for words in _attributes(group["name"], group))
        for neighbor in instance.get("neighbors") or []:
            lines.extend(((head,), words) for words in _neighbor(neighbor))
        for item in (instance.get("listen") or {}).get("ranges") or []:
            lines.append(((head,), f"bgp listen range {prefix(item['prefix'])} peer-group {item['peer_group']}"))
        for family in instance.get("address_families") or []:
            lines.extend(_family(head, family))
    for instance in instances:
        lines.extend(_imports(instance))
    return list(dict.fromkeys(lines))


def _attributes(name: str, block: dict[str, Any]) -> list[str]:
    return [join_no(negated, f"neighbor {name} {words}") for negated, words in encode_rows(NEIGHBOR_ROWS, block)]


def _neighbor(neighbor: dict[str, Any]) -> list[str]:
    name, group, remote_as = address(neighbor["neighbor"]), neighbor.get("peer_group"), neighbor.get("remote_as")
    lines = []
    if neighbor.get("interface"):
        words = f"neighbor {name} interface{' v6only' if neighbor.get('v6only') else ''}"
        if group:
            words += f" peer-group {group}"
        elif remote_as is not None:
            words += f" remote-as {remote_as}"
        lines.append(words)
    if remote_as is not None and (group or not neighbor.get("interface")):
        lines.append(f"neighbor {name} remote-as {remote_as}")
    if group and not neighbor.get("interface"):
        lines.append(f"neighbor {name} peer-group {group}")
    return lines + _attributes(name, neighbor)


def _family(head: str, family: dict[str, Any]) -> list[Line]:
    block = f"address-family {family['afi']} {family.get('safi') or 'unicast'}"
    inside = (head, block)
    body: list[Line] = []
    if family["afi"] == "l2vpn":
        body.extend((inside, join_no(*clause)) for clause in encode_rows(EVPN_ROWS, family))
        body.extend((inside, encode_advertise(item)) for item in family.get("advertise") or [])
        for vni in family.get("vnis") or []:
            vni_head = f"vni {vni['vni']}"
            body.append((inside, vni_head))
            clauses = encode_rows(VNI_ROWS, vni)
            own = automatic_route_target(head, vni_head)
            clauses.sort(key=lambda clause: clause[1].endswith(f" {own}"))  # ignored while it is the only one
            body.extend(((*inside, vni_head), join_no(*clause)) for clause in clauses)
    for option, encode in (
        ("networks", encode_network),
        ("aggregates", encode_aggregate),
        ("redistribute", encode_redistribute),
    ):
        body.extend((inside, encode(item)) for item in family.get(option) or [])
    for neighbor in family.get("neighbors") or []:
        for negated, words in encode_rows(FAMILY_NEIGHBOR_ROWS, join_unchanged(neighbor, family["afi"])):
            body.append((inside, join_no(negated, f"neighbor {address(neighbor['neighbor'])} {words}")))
    body.extend((inside, join_no(*clause)) for clause in encode_rows(FAMILY_ROWS, family))
    return [((head,), block), *body] if body else []


def _imports(instance: dict[str, Any]) -> list[Line]:
    """Written after every instance: FRR makes an imported VRF's instance itself where it is missing, with this ASN."""
    lines: list[Line] = []
    for family in instance.get("address_families") or []:
        head, block = instance_head(instance), f"address-family {family['afi']} {family.get('safi') or 'unicast'}"
        imported = [((head, block), f"import vrf {vrf}") for vrf in family.get("import_vrf") or []]
        lines.extend([((head,), block), *imported] if imported else [])
    return lines


class _Instance:
    """What has been read of one instance."""

    def __init__(self, asn: str, vrf: str | None) -> None:
        self.options: dict[str, Any] = {"asn": int(asn)}
        if vrf:
            self.options["vrf"] = vrf
        self.groups: dict[str, dict[str, Any]] = {}
        self.neighbors: dict[str, dict[str, Any]] = {}
        self.families: dict[tuple[str, str], dict[str, Any]] = {}
        self.family_neighbors: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        self.vnis: dict[int, dict[str, Any]] = {}

    def read(self, line: str) -> None:
        if match := LISTEN_RANGE.fullmatch(line):
            ranges = self.options.setdefault("listen", {}).setdefault("ranges", [])
            ranges.append({"prefix": prefix(match[1]), "peer_group": match[2]})
        elif match := NEIGHBOR.fullmatch(line):
            self.read_neighbor(bool(match[1]), address(match[2]), match[3])
        else:
            decode_rows(INSTANCE_ROWS, self.options, *split_no(line))

    def read_neighbor(self, negated: bool, name: str, words: str) -> None:
        if words == "peer-group":
            self.groups.setdefault(name, {"name": name})
            return
        if interface := INTERFACE.fullmatch(words):
            block = self.neighbors.setdefault(name, {"neighbor": name})
            block["interface"] = True
            for option, group in (("v6only", 1), ("peer_group", 2), ("remote_as", 3)):
                if interface[group]:
                    block[option] = {1: True, 3: number_or_word(interface[3] or 0)}.get(group, interface[group])
            return
        block = self.groups[name] if name in self.groups else self.neighbors.setdefault(name, {"neighbor": name})
        if words.startswith("peer-group "):
            block["peer_group"] = words[len("peer-group ") :]
        else:
            decode_rows((REMOTE_AS, *NEIGHBOR_ROWS), block, negated, words)

    def family(self, afi: str, safi: str) -> dict[str, Any]:
        return self.families.setdefault((afi, safi), {"afi": afi, "safi": safi})

    def read_family(self, afi: str, safi: str, line: str) -> None:
        family = self.family(afi, safi)
        if match := NEIGHBOR.fullmatch(line):
            neighbors = self.family_neighbors.setdefault((afi, safi), {})
            name = address(match[2])
            decode_rows(FAMILY_NEIGHBOR_ROWS, neighbors.setdefault(name, {"neighbor": name}), bool(match[1]), match[3])
            return
        for option, decode in (
            ("networks", decode_network),
            ("aggregates", decode_aggregate),
            ("redistribute", decode_redistribute),
            ("advertise", decode_advertise),
        ):
            item = decode(line)
            if item is not None:
                family.setdefault(option, []).append(item)
                return
        if match := IMPORT_VRF.fullmatch(line):
            family.setdefault("import_vrf", []).append(match[1])
        elif match := re.fullmatch(r"vni (\d+)", line):
            self.vnis.setdefault(int(match[1]), {"vni": int(match[1])})
        else:
            decode_rows(EVPN_ROWS if afi == "l2vpn" else FAMILY_ROWS, family, *split_no(line))

    def read_vni(self, vni: int, line: str) -> None:
        decode_rows(VNI_ROWS, self.vnis.setdefault(vni, {"vni": vni}), *split_no(line))

    def finished(self) -> dict[str, Any]:
        instance = self.options
        if "ranges" in instance.get("listen", {}):
            instance["listen"]["ranges"].sort(key=lambda item: natural(item["prefix"]))
        if self.groups:
            instance["peer_groups"] = [self.groups[name] for name in sorted(self.groups, key=natural)]
        if self.neighbors:
            instance["neighbors"] = [self.neighbors[name] for name in sorted(self.neighbors, key=natural)]
        for key, family in self.families.items():
            named = self.family_neighbors.get(key, {})
            known = [split_unchanged(named[name]) for name in sorted(named, key=natural) if len(named[name]) > 1]
            if known:
                family["neighbors"] = known
            if key[0] == "l2vpn" and self.vnis:
                family["vnis"] = [self.vnis[vni] for vni in sorted(self.vnis)]
            for option, name in (("networks", "prefix"), ("aggregates", "prefix"), ("advertise", "afi")):
                if option in family:
                    family[option].sort(key=lambda item, name=name: natural(item[name]))
            if "redistribute" in family:
                family["redistribute"].sort(key=lambda item: (item["protocol"], item.get("table") or 0))
            if "import_vrf" in family:
                family["import_vrf"].sort(key=natural)
        families = [self.families[key] for key in sorted(self.families) if len(self.families[key]) > 2]
        if families:
            instance["address_families"] = families
        return instance


def gather_instances(lines: list[Line]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], _Instance] = {}
    for context, line in lines:
        head = INSTANCE.fullmatch(context[0] if context else line)
        if not head:
            continue
        instance = found.setdefault((head[2] or "", head[1]), _Instance(head[1], head[2]))
        if len(context) == 1 and not FAMILY.fullmatch(line):
            instance.read(line)
        elif len(context) >= 2 and (family := FAMILY.fullmatch(context[1])):
            if len(context) == 2:
                instance.read_family(family[1], family[2], line)
            elif context[2].startswith("vni "):
                instance.family(family[1], family[2])
                instance.read_vni(int(context[2][4:]), line)
    return [found[key].finished() for key in sorted(found, key=lambda key: (natural(key[0]), int(key[1])))]
