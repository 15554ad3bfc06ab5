# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold of BGP instances before anything is touched. Private to this collection.

Where no source is named, the rule was measured on FRR 8.4.4 and 10.3.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._frr._checks import Names, afi_name, each, limits, once
from ansible_collections.routed.fabric.plugins.module_utils._frr._defaults import NEWER
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrConfigError
from ansible_collections.routed.fabric.plugins.module_utils._frr._family_neighbor_rows import EVPN_OPTIONS
from ansible_collections.routed.fabric.plugins.module_utils._frr._rows import boolean_or_word
from ansible_collections.routed.fabric.plugins.module_utils._frr._words import address, afi_of, is_address, prefix

FAMILIES = (("ipv4", "unicast"), ("ipv6", "unicast"), ("l2vpn", "evpn"))
EVPN_ONLY = (
    *("advertise_all_vni", "advertise_svi_ip", "advertise_default_gw", "dup_addr_detection", "advertise"),
    *("route_targets", "rd", "flooding", "vnis"),
)
UNICAST_ONLY = ("networks", "aggregates", "redistribute", "maximum_paths", "import_vrf")
NEED_ALL_VNI = ("advertise_svi_ip", "advertise_default_gw", "dup_addr_detection", "flooding", "vnis")
TABLE_PROTOCOLS = ("table", "table-direct")
# What FRR mixes with the peer group's value when a member has its own.
NOT_FOR_MEMBERS = ("attribute_unchanged", "next_hop_unchanged", "route_server_client")
EXTERNAL_ONLY = ("as_override", "remove_private_as")

Block = dict[str, Any]


def validate_instances(config: Block, version: tuple[int, int] | None, names: Names, base: Block | None) -> None:
    """base: the node's configuration that ``config`` is added to; None when there is one that is not known."""
    vrfs: set[Any] = set()
    with_vnis = ""
    for path, instance in each(config, "instances"):
        vrf = instance.get("vrf") or "default"
        once(vrfs, path, vrf, f"there are two instances of the VRF {vrf!r}; FRR has one each.")
        if not 1 <= instance["asn"] <= 4294967295:
            raise FrrConfigError(f"{path}.asn", instance["asn"], f"{instance['asn']} is not an AS number.")
        same = [one for one in (base or {}).get("instances") or [] if (one.get("vrf") or "default") == vrf]
        known = (same[0] if same else {}) if base is not None else None
        _Instance(path, instance, version, names, known).validate()
        for where, family in each(instance, "address_families", path):
            if family.get("advertise_all_vni"):
                if with_vnis:
                    sentence = f"{with_vnis} has it already, and only one instance can."
                    raise FrrConfigError(f"{where}.advertise_all_vni", True, sentence)
                with_vnis = where


def _joined(base: Block, given: Block, key: str, name: str) -> dict[str, Block]:
    joined: dict[str, Block] = {}
    for item in [*(base.get(key) or []), *(given.get(key) or [])]:
        joined[address(item[name])] = {**joined.get(address(item[name]), {}), **item}
    return joined


class _Instance:
    def __init__(
        self, path: str, instance: Block, version: tuple[int, int] | None, names: Names, base: Block | None
    ) -> None:
        self.path = path
        self.instance = instance
        self.version = version or (0, 0)
        self.older = version is not None and version < NEWER
        self.names = names
        self.complete = base is not None
        # what the node knows of each, and on top of it what is given
        self.groups = _joined(base or {}, instance, "peer_groups", "name")
        self.neighbors = _joined(base or {}, instance, "neighbors", "neighbor")

    def validate(self) -> None:
        instance, path = self.instance, self.path
        for key in ("router_id", "cluster_id"):
            if instance.get(key) is not None and afi_of(instance[key]) != "ipv4":
                raise FrrConfigError(f"{path}.{key}", instance[key], f"{instance[key]!r} is not an IPv4 address.")
        self.timers(path, instance)
        bounds = {"conditional_advertisement_interval_s": (5, 240)}
        limits(path, instance, bounds)
        restart = instance.get("graceful_restart") or {}
        limits(f"{path}.graceful_restart", restart, {"restart_time_s": (0, 4095), "stale_path_time_s": (1, 4095)})
        seen: set[Any] = set()
        for where, group in each(instance, "peer_groups", path):
            once(seen, f"{where}.name", group["name"], f"the peer group {group['name']!r} is listed twice.")
            if is_address(group["name"]):
                raise FrrConfigError(f"{where}.name", group["name"], "a peer group cannot be named like an address.")
            whole = self.groups[group["name"]]
            self.attributes(where, whole, whole.get("remote_as"), unnumbered=False)
            if group.get("solo") and self.older:
                raise FrrConfigError(f"{where}.solo", True, "FRR 8.4 has solo for single neighbors only.")
        for where, neighbor in each(instance, "neighbors", path):
            name = address(neighbor["neighbor"])
            once(seen, f"{where}.neighbor", name, f"{name!r} is listed twice (peer groups share the name space).")
            self.neighbor(where, self.neighbors[name])
        self.members()
        self.listen()
        families: set[Any] = set()
        for where, family in each(instance, "address_families", path):
            afi, safi = family["afi"], family.get("safi") or "unicast"
            if (afi, safi) not in FAMILIES:
                raise FrrConfigError(f"{where}.safi", safi, f"there is no address family {afi} {safi} here.")
            once(families, where, (afi, safi), f"the address family {afi} {safi} is listed twice.")
            self.family(where, family)

    def timers(self, path: str, block: Block) -> None:
        timers = block.get("timers") or {}
        keepalive, hold = timers.get("keepalive_s"), timers.get("hold_s")
        limits(f"{path}.timers", timers, {"keepalive_s": (0, 65535), "hold_s": (0, 65535), "connect_s": (1, 65535)})
        if (keepalive is None) != (hold is None) and self.complete:
            raise FrrConfigError(f"{path}.timers", timers, "keepalive_s and hold_s are given together.")
        if hold is not None and hold in (1, 2):
            raise FrrConfigError(f"{path}.timers.hold_s", hold, "a hold time is 0 or at least 3 s (RFC 4271).")

    def neighbor(self, path: str, neighbor: Block) -> None:
        name, group = neighbor["neighbor"], neighbor.get("peer_group")
        unnumbered = bool(neighbor.get("interface"))
        remote_as = neighbor.get("remote_as")
        if unnumbered == is_address(name):
            sentence = f"{name!r} is an address: an unnumbered neighbor is named by its interface."
            if not unnumbered:
                sentence = f"{name!r} is not an address; set 'interface: true' for an unnumbered neighbor."
            raise FrrConfigError(f"{path}.neighbor", name, sentence)
        if neighbor.get("v6only") and not unnumbered:
            raise FrrConfigError(f"{path}.v6only", True, "only an unnumbered neighbor can be v6only.")
        if group is not None and group not in self.groups:
            if not self.complete:
                return
            raise FrrConfigError(f"{path}.peer_group", group, f"there is no peer group {group!r} in this instance.")
        of_group = self.groups[group].get("remote_as") if group else None
        if remote_as is None and of_group is None and self.complete:
            raise FrrConfigError(f"{path}.remote_as", None, "it is missing, and there is no peer group that has it.")
        if remote_as is not None and of_group is not None:
            sentence = f"the peer group {group!r} has one already, and FRR takes it in one place only."
            raise FrrConfigError(f"{path}.remote_as", remote_as, sentence)
        self.attributes(path, neighbor, remote_as if of_group is None else of_group, unnumbered)
        if group and neighbor.get("local_as") and self.groups[group].get("local_as"):
            sentence = f"the peer group {group!r} has one already; FRR 10.3 then prints '(null)' for it."
            raise FrrConfigError(f"{path}.local_as", neighbor["local_as"]["asn"], sentence)
        if group and neighbor.get("solo"):
            raise FrrConfigError(f"{path}.solo", True, "FRR drops solo from a member of a peer group.")

    def attributes(self, path: str, block: Block, remote_as: Any, unnumbered: bool) -> None:
        """Attributes of a neighbor or peer group."""
        internal = self.is_internal(remote_as)
        if remote_as is not None and not re.fullmatch(r"internal|external|[1-9]\d*", str(remote_as)):
            sentence = f"{remote_as!r} is neither an AS number nor 'internal' nor 'external'."
            raise FrrConfigError(f"{path}.remote_as", remote_as, sentence)
        bounds = {
            "ebgp_multihop": (1, 255),
            "ttl_security_hops": (1, 254),
            "port": (0, 65535),
            "advertisement_interval_s": (0, 600),
        }
        limits(path, block, bounds)
        self.timers(path, block)
        if block.get("ebgp_multihop") is not None and internal:
            sentence = "FRR ignores it for an internal neighbor."
            raise FrrConfigError(f"{path}.ebgp_multihop", block["ebgp_multihop"], sentence)
        if block.get("ebgp_multihop") is not None and block.get("ttl_security_hops") is not None:
            sentence = "it cannot stand beside ttl_security_hops (RFC 5082); give one of the two."
            raise FrrConfigError(f"{path}.ebgp_multihop", block["ebgp_multihop"], sentence)
        if unnumbered:
            self.unnumbered(path, block)
        local_as = block.get("local_as") or {}
        if local_as:
            if internal:
                raise FrrConfigError(f"{path}.local_as", local_as["asn"], "it is for external neighbors only.")
            if local_as["asn"] in (self.instance["asn"], remote_as) or str(local_as["asn"]) == str(remote_as):
                sentence = f"{local_as['asn']} is the AS of this instance or of the neighbor."
                raise FrrConfigError(f"{path}.local_as.asn", local_as["asn"], sentence)
            if local_as.get("replace_as") and local_as.get("no_prepend") is False:
                raise FrrConfigError(f"{path}.local_as.no_prepend", False, "FRR has replace_as only with no_prepend.")
        bfd = block.get("bfd") or {}
        if bfd.get("profile"):
            if bfd.get("enabled") is False:
                raise FrrConfigError(f"{path}.bfd.profile", bfd["profile"], "BFD is not enabled here.")
            self.names.require("bfd_profile", f"{path}.bfd.profile", bfd["profile"])
        for key in ("password", "update_source"):
            if block.get(key) is not None and not re.fullmatch(r"\S+", block[key]):
                raise FrrConfigError(f"{path}.{key}", "", "it is empty or contains a space, which FRR cannot read.")
        if block.get("description") is not None and not block["description"].strip():
            raise FrrConfigError(f"{path}.description", block["description"], "it is empty.")
        source, name = block.get("update_source"), block.get("neighbor", "")
        if source and is_address(source) and is_address(name) and afi_of(source) != afi_of(name):
            raise FrrConfigError(f"{path}.update_source", source, f"{source!r} is of another family than {name!r}.")

    def unnumbered(self, path: str, block: Block) -> None:
        for key in ("ebgp_multihop", "disable_connected_check", "update_source"):
            if block.get(key):
                sentence = "an unnumbered neighbor is directly connected: FRR refuses or ignores it."
                raise FrrConfigError(f"{path}.{key}", block[key], sentence)
        if (block.get("ttl_security_hops") or 1) > 1:
            hops = block["ttl_security_hops"]
            raise FrrConfigError(f"{path}.ttl_security_hops", hops, "an unnumbered neighbor is one hop away.")
        if block.get("capability_extended_nexthop") is False:
            sentence = "an unnumbered neighbor cannot be without it (RFC 8950)."
            raise FrrConfigError(f"{path}.capability_extended_nexthop", False, sentence)

    def is_internal(self, remote_as: Any) -> bool:
        return str(remote_as) in ("internal", str(self.instance["asn"]))

    def members(self) -> None:
        """A group without an AS of its own has members that are all internal or all external."""
        sorts: dict[str, bool] = {}
        for path, neighbor in each(self.instance, "neighbors", self.path):
            whole = self.neighbors[address(neighbor["neighbor"])]
            group, remote_as = whole.get("peer_group"), whole.get("remote_as")
            if group in self.groups and self.groups[group].get("remote_as") is None and remote_as is not None:
                internal = self.is_internal(remote_as)
                if sorts.setdefault(group, internal) != internal:
                    sentence = f"the members of the peer group {group!r} must be all internal or all external."
                    raise FrrConfigError(f"{path}.remote_as", remote_as, sentence)

    def listen(self) -> None:
        listen, path = self.instance.get("listen") or {}, f"{self.path}.listen"
        limits(path, listen, {"limit": (1, 65535)})
        seen: set[Any] = set()
        for where, item in each(listen, "ranges", path):
            if "/" not in item["prefix"] or afi_of(item["prefix"]) is None:
                raise FrrConfigError(f"{where}.prefix", item["prefix"], f"{item['prefix']!r} is not a prefix.")
            once(seen, f"{where}.prefix", prefix(item["prefix"]), f"the range {item['prefix']!r} is there twice.")
            group = self.groups.get(item["peer_group"])
            if group is None:
                if not self.complete:
                    continue
                sentence = f"there is no peer group {item['peer_group']!r} in this instance."
                raise FrrConfigError(f"{where}.peer_group", item["peer_group"], sentence)
            if group.get("remote_as") is None and self.complete:
                sentence = f"the peer group {item['peer_group']!r} has no remote_as, and FRR needs it for a range."
                raise FrrConfigError(f"{where}.peer_group", item["peer_group"], sentence)

    def family(self, path: str, family: Block) -> None:
        evpn = family["afi"] == "l2vpn"
        for key in UNICAST_ONLY if evpn else EVPN_ONLY:
            if family.get(key):
                sentence = f"it does not exist in the address family {family['afi']} {family.get('safi') or 'unicast'}."
                raise FrrConfigError(f"{path}.{key}", family[key], sentence)
        if evpn:
            self.evpn(path, family)
        else:
            self.unicast(path, family)
        seen: set[Any] = set()
        for where, item in each(family, "neighbors", path):
            name = address(item["neighbor"])
            once(seen, f"{where}.neighbor", name, f"{name!r} is listed twice.")
            if name not in self.groups and name not in self.neighbors:
                if not self.complete:
                    continue
                sentence = f"{name!r} is neither a neighbor nor a peer group of this instance."
                raise FrrConfigError(f"{where}.neighbor", item["neighbor"], sentence)
            self.family_neighbor(where, item, family)

    def unicast(self, path: str, family: Block) -> None:
        afi = family["afi"]
        for key in ("networks", "aggregates"):
            seen: set[Any] = set()
            for where, item in each(family, key, path):
                if "/" not in item["prefix"] or afi_of(item["prefix"]) is None:
                    raise FrrConfigError(f"{where}.prefix", item["prefix"], f"{item['prefix']!r} is not a prefix.")
                if afi_of(item["prefix"]) != afi:
                    sentence = f"{item['prefix']!r} is not an {afi_name(afi)} prefix."
                    raise FrrConfigError(f"{where}.prefix", item["prefix"], sentence)
                once(seen, f"{where}.prefix", prefix(item["prefix"]), f"{item['prefix']!r} is listed twice.")
                self.reference(where, item)
        sources: set[Any] = set()
        for where, item in each(family, "redistribute", path):
            protocol, table = item["protocol"], item.get("table")
            if protocol == "table-direct" and self.older:
                sentence = "FRR 8.4 does not have it: use 'kernel' with a route map that permits only what you mean."
                raise FrrConfigError(f"{where}.protocol", protocol, sentence)
            if (protocol in TABLE_PROTOCOLS) != (table is not None):
                sentence = f"{protocol!r} {'needs' if table is None else 'does not take'} the number of a table."
                raise FrrConfigError(f"{where}.table", table, sentence)
            once(sources, where, (protocol, table), f"{protocol!r} is redistributed twice.")
            self.reference(where, item)
        limits(f"{path}.maximum_paths", family.get("maximum_paths") or {}, {"ebgp": (1, 256), "ibgp": (1, 256)})
        for vrf in family.get("import_vrf") or []:
            if vrf != "default":
                self.names.require("vrf_instance", f"{path}.import_vrf", vrf)

    def reference(self, path: str, item: Block) -> None:
        if item.get("route_map"):
            self.names.require("route_map", f"{path}.route_map", item["route_map"])

    def evpn(self, path: str, family: Block) -> None:
        if not family.get("advertise_all_vni") and self.complete:
            for key in NEED_ALL_VNI:
                if family.get(key):
                    sentence = "FRR takes it only where advertise_all_vni is set."
                    raise FrrConfigError(f"{path}.{key}", family[key], sentence)
        seen: set[Any] = set()
        for where, item in each(family, "advertise", path):
            once(seen, where, item["afi"], f"{item['afi']} is advertised twice.")
            self.reference(where, item)
        vnis: set[Any] = set()
        for where, vni in each(family, "vnis", path):
            limits(where, vni, {"vni": (1, 16777215)})
            once(vnis, f"{where}.vni", vni["vni"], f"the VNI {vni['vni']} is listed twice.")
        for where, block in ((path, family), *each(family, "vnis", path)):
            for value in (
                block.get("rd"),
                *(
                    target
                    for way in ("import", "export")
                    for target in (block.get("route_targets") or {}).get(way) or []
                ),
            ):
                if value is not None and not re.fullmatch(r"(\d+|\d+\.\d+\.\d+\.\d+|\*):\d+", value):
                    raise FrrConfigError(where, value, f"{value!r} is not of the form ASN:NUMBER or ADDRESS:NUMBER.")
        freeze = (family.get("dup_addr_detection") or {}).get("freeze")
        if freeze is not None and freeze != "permanent" and not (freeze.isdigit() and 30 <= int(freeze) <= 3600):
            where = f"{path}.dup_addr_detection.freeze"
            raise FrrConfigError(where, freeze, f"{freeze!r} is neither 'permanent' nor 30 to 3600 s.")

    def family_neighbor(self, path: str, item: Block, family: Block) -> None:
        name, afi = address(item["neighbor"]), family["afi"]
        given = {key: value for key, value in item.items() if key != "neighbor" and value is not None}
        member = self.neighbors.get(name) or self.groups[name]
        group = member.get("peer_group")
        remote_as = member.get("remote_as") or self.groups.get(group or "", {}).get("remote_as")
        for key, value in given.items():
            if afi == "l2vpn" and (key not in EVPN_OPTIONS or (self.older and EVPN_OPTIONS[key] > self.version)):
                sentence = "l2vpn evpn does not know it; FRR would silently apply it to IPv4 unicast."
                raise FrrConfigError(f"{path}.{key}", value, sentence)
            if group and value and key in NOT_FOR_MEMBERS:
                sentence = f"FRR mixes it with that of the peer group {group!r}; give it to the group."
                raise FrrConfigError(f"{path}.{key}", value, sentence)
            if value and key in EXTERNAL_ONLY and self.is_internal(remote_as):
                raise FrrConfigError(f"{path}.{key}", value, "it is for external neighbors only.")
        if given.get("route_reflector_client") and remote_as is not None and not self.is_internal(remote_as):
            raise FrrConfigError(f"{path}.route_reflector_client", True, f"{name!r} is not an internal neighbor.")
        self.family_values(path, given)
        self.family_references(path, given, afi)
        if group:
            self.against_group(path, given, family, group)
        if given.get("addpath_tx") == "bestpath_per_as" and self.instance.get("deterministic_med") is False:
            sentence = "'bestpath_per_as' needs deterministic_med, which this instance switches off."
            raise FrrConfigError(f"{path}.addpath_tx", given["addpath_tx"], sentence)

    def family_values(self, path: str, given: Block) -> None:
        one_of = {
            "next_hop_self": (True, False, "all"),
            "remove_private_as": (True, False, "all", "replace_as", "all_replace_as"),
        }
        for key, values in one_of.items():
            if given.get(key) is not None and boolean_or_word(given[key]) not in values:
                words = ", ".join(str(value).lower() for value in values)
                raise FrrConfigError(f"{path}.{key}", given[key], f"{given[key]!r} is none of {words}.")
        allowed = given.get("allowas_in")
        if allowed is not None and allowed != "origin" and not (str(allowed).isdigit() and 1 <= int(allowed) <= 10):
            raise FrrConfigError(f"{path}.allowas_in", allowed, f"{allowed!r} is neither 'origin' nor 1 to 10.")
        originate = boolean_or_word(given.get("default_originate"))
        good = originate is None or isinstance(originate, bool) or set(originate) == {"route_map"}
        if not good:
            raise FrrConfigError(f"{path}.default_originate", originate, "it is true, false or {route_map: NAME}.")
        limits(path, given, {"weight": (0, 65535)})
        bounds = {"limit": (1, 4294967295), "threshold": (1, 100), "restart_min": (1, 65535)}
        maximum = given.get("maximum_prefix") or {}
        limits(f"{path}.maximum_prefix", maximum, bounds)
        if maximum.get("warning_only") and maximum.get("restart_min") is not None:
            sentence = "a session that is only warned about is never restarted; give one of the two."
            raise FrrConfigError(f"{path}.maximum_prefix.restart_min", maximum["restart_min"], sentence)

    def family_references(self, path: str, given: Block, afi: str) -> None:
        lists = {"route_map": "route_map", "prefix_list": f"{afi} prefix_list", "filter_list": "as_path_list"}
        for key, kind in lists.items():
            for way, name in (given.get(key) or {}).items():
                if name is not None:
                    self.names.require(kind, f"{path}.{key}.{way}", name)
        if given.get("unsuppress_map"):
            self.names.require("route_map", f"{path}.unsuppress_map", given["unsuppress_map"])
        if isinstance(given.get("default_originate"), dict):
            self.reference(f"{path}.default_originate", given["default_originate"])
        for key, name in (given.get("advertise_map") or {}).items():
            if name is not None:
                self.names.require("route_map", f"{path}.advertise_map.{key}", name)

    def against_group(self, path: str, given: Block, family: Block, group: str) -> None:
        of_group: Block = next((one for one in family.get("neighbors") or [] if one["neighbor"] == group), {})
        if given.get("advertise_map") and of_group.get("advertise_map"):
            sentence = f"the peer group {group!r} has one, and FRR then confuses exist_map and non_exist_map."
            raise FrrConfigError(f"{path}.advertise_map", given["advertise_map"]["route_map"], sentence)
        if of_group.get("allowas_in") == "origin" and given.get("allowas_in") not in (None, "origin"):
            sentence = f"the peer group {group!r} says 'origin', and FRR keeps that for its members."
            raise FrrConfigError(f"{path}.allowas_in", given["allowas_in"], sentence)
        maximum, of_groups = given.get("maximum_prefix"), of_group.get("maximum_prefix")
        if maximum and of_groups:
            for key in ("warning_only", "restart_min"):
                if of_groups.get(key) and not maximum.get(key):
                    sentence = f"the peer group {group!r} has {key}, and FRR keeps that for its members."
                    raise FrrConfigError(f"{path}.maximum_prefix.{key}", maximum["limit"], sentence)
