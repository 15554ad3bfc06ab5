# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way in: a fabric file's data becomes the plan, or an error with all its mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .build import build
from .errors import FabricError, Path, Problems
from .model import Fabric, Node
from .numbers import NAME_PREFIX
from .overlay import check_heard
from .plan import extensions, gateway, outside, overlay, peer_config, policy, servers, tunnel_sites
from .plan import groups as plan_groups
from .plan import guests as plan_guests
from .plan.bgp import frr_config, uses_bfd
from .plan.ceph import ceph
from .plan.propagation import Reach, simulate
from .plan.proxmox import proxmox
from .plan.sessions import Session, sessions
from .plan.tunnels import Keys, wireguard
from .plan.twin import (
    container_name,
    needs_pvesim,
    twin_container,
    twin_fabric,
    twin_guests,
    twin_image,
    twin_interface,
    twin_links,
)
from .plan.underlay import loopback, underlay
from .plan.verify import verify
from .schemas import schema
from .validation import plain, validate


@dataclass(frozen=True)
class Plan:
    """What the inventory hands to Ansible: everything in Python's own types."""

    name: str
    nodes: dict[str, dict[str, Any]]
    """Node to its `fabric_node`."""
    groups: dict[str, list[str]]
    links: list[dict[str, Any]]
    containers: dict[str, str]
    """Node to the name of its container in the twin."""
    guests: dict[str, dict[str, Any]]
    """Guest to everything that the file says about it."""


def read_fabric(data: Any) -> Fabric:
    """The model of a fabric file. Raises FabricError with every mistake, and MissingLibrary."""
    return _read(data)[0]


def plan(data: Any, twin: bool = False, duplicates: Iterable[Path] = (), public_keys: Keys | None = None) -> Plan:
    """Plan a fabric file. *twin*: for the twin, in which all nodes are FRR containers.
    *duplicates*: the paths of keys that stand twice in the file, which its data does not show.
    *public_keys*: of the nodes' WireGuard interfaces. One that is missing is no mistake of the file: it is told with
    the node that needs it, since the playbook that makes keys needs the inventory.

    Raises FabricError with every mistake of the file, and MissingLibrary.
    """
    fabric, live, reach = _read(data, duplicates)
    declared = fabric
    keys = public_keys or {}
    if twin:
        fabric = twin_fabric(fabric)
        live = sessions(fabric)
        reach = simulate(fabric, live)
    return Plan(
        name=fabric.name,
        nodes={
            **{
                n.name: _fabric_node(fabric, n, live[n.name], reach, keys, declared=declared.nodes[n.name], twin=twin)
                for n in fabric.nodes.values()
            },
            **{server.name: servers.fabric_node(fabric, server) for server in fabric.servers.values()},
            **({**outside.fabric_nodes(fabric), **extensions.fabric_nodes(fabric)} if twin else {}),
            **tunnel_sites.fabric_nodes(fabric, keys, twin=twin),
        },
        groups=_groups(fabric, twin=twin),
        links=[
            *twin_links(fabric),
            *servers.twin_links(fabric),
            *([*outside.twin_links(fabric), *extensions.twin_links(fabric)] if twin else []),
        ],
        containers={
            name: container_name(fabric.name, name)
            for name in [*fabric.nodes, *fabric.servers, *(outside.names(fabric) if twin else [])]
        },
        guests={guest.name: plan_guests.described(guest) for guest in fabric.guests},
    )


def _groups(fabric: Fabric, *, twin: bool) -> dict[str, list[str]]:
    found = plan_groups.groups(fabric)
    for more in (tunnel_sites.groups(fabric, twin=twin), outside.groups(fabric) if twin else {}):
        for name, hosts in more.items():
            found[name] = list(dict.fromkeys([*found.get(name, []), *hosts]))
    return found


def _read(data: Any, duplicates: Iterable[Path] = ()) -> tuple[Fabric, dict[str, list[Session]], Reach]:
    problems = Problems()
    for path in duplicates:
        problems.add("duplicate_key", path)
    good = validate(plain(data, (), problems), schema(), problems)
    fabric = build(good, problems)
    if len(problems):
        _check_unheard_if_possible(fabric, problems)
        raise FabricError(list(problems))
    live = sessions(fabric)
    reach = simulate(fabric, live)
    _check_unheard(fabric, reach, problems)
    if not len(problems) and fabric.overlay.local in reach.loopbacks:
        check_heard(fabric, reach.loopbacks[fabric.overlay.local], reach.defaults[fabric.overlay.local], problems)
    if len(problems):
        raise FabricError(list(problems))
    return fabric, live, reach


def _check_unheard_if_possible(fabric: Fabric, problems: Problems) -> None:
    """Also in a file with other mistakes, unless they concern what the simulation is made of."""
    if any(problems.touches((key,)) for key in ("nodes", "links", "pools", "upstreams")):
        return
    _check_unheard(fabric, simulate(fabric, sessions(fabric)), problems)


def _check_unheard(fabric: Fabric, reach: Reach, problems: Problems) -> None:
    """Two hosts of one AS that cannot reach each other: BGP's loop check keeps their routes apart."""
    by_asn: dict[int, list[Node]] = {}
    for node in fabric.nodes.values():
        if not node.is_router:
            by_asn.setdefault(node.asn, []).append(node)
    for asn, nodes in by_asn.items():
        for index, node in enumerate(nodes):
            for other in nodes[:index]:
                if _deaf(node, other, reach) and _deaf(other, node, reach):  # pylint: disable=arguments-out-of-order
                    problems.add("unheard", ("nodes", node.name), node=node.name, other=other.name, asn=asn)
                    break


def _deaf(node: Node, other: Node, reach: Reach) -> bool:
    return any(
        family in node.loopbacks
        and node.name not in heard[other.name].best
        and node.name not in reach.defaults[family].best
        for family, heard in reach.loopbacks.items()
        if other.name in heard
    )


def _fabric_node(
    fabric: Fabric, node: Node, live: list[Session], reach: Reach, keys: Keys, *, declared: Node, twin: bool
) -> dict[str, Any]:
    finished_underlay = underlay(fabric, node, twin)
    tunnels = wireguard(fabric, node, keys, twin=twin)
    result: dict[str, Any] = {
        "name": node.name,
        "id": node.id,
        "fabric": fabric.name,
        "domain": fabric.domain,
        "site": node.site,
        "rack": node.rack,
        "platform": node.platform,
        "managed": node.managed,
        "release": node.release,
        "functions": list(node.functions),
        "asn": node.asn,
        "router_id": node.router_id,
        "loopback": loopback(fabric, node),
        "underlay": finished_underlay,
        "frr": {
            "profile": fabric.underlay.profile,
            "daemons": {"bgpd": True, "bfdd": uses_bfd(live, policy.node_upstreams(fabric, node))},
            "name_prefix": NAME_PREFIX,
            "config": frr_config(fabric, node, live),
        },
        "overlay": overlay.overlay(fabric, node, finished_underlay["interfaces"]),
        "gateway": gateway.gateway(node),
        "extension": extensions.extension(fabric, node),
        "guests": plan_guests.guests(fabric, node),
        "proxmox": proxmox(fabric, node, finished_underlay["interfaces"]),
        "wireguard": tunnels,
        "ceph": ceph(fabric, node, twin),
        "peer_config": peer_config.of_router(fabric, node, live),
        "verify": verify(fabric, node, live, reach, tunnels, twin=twin),
        "twin": {
            **twin_image(fabric, node),
            "container": twin_container(fabric, node),
            **({"guests": twin_guests(fabric, node)} if needs_pvesim(fabric, node) else {}),
            "interfaces": [
                twin_interface(i["name"]) for i in finished_underlay["interfaces"] if i["kind"] != "upstream"
            ],
            **({} if declared.managed else {"stand_in_for": declared.platform}),
        },
    }
    return {key: value for key, value in result.items() if value is not None}
