# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Checks of tunnels. One function a check; pure. They say nothing on a node without tunnels."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from ansible_collections.routed.fabric.plugins.plugin_utils._verify.result import Result, judged, skipped
from ansible_collections.routed.fabric.plugins.plugin_utils._verify.state import Live, Plan, canonical_prefix, family_of

_RUN = "run role wireguard again"
_BLACKHOLE = "blackhole"
_MAIN = {"main": 254, "local": 255, "default": 253}


def _down(live: Live, interface: dict[str, Any]) -> str:
    """Why nothing else of the interface can be judged; empty where it runs."""
    name = interface["name"]
    if name not in live.links:
        return f"there is no interface {name} (its process may have died while its unit still says active)"
    if name not in live.wireguard:
        return f"nothing answers for {name}: it is no WireGuard interface, or its process has died"
    return ""


def tunnel_up(live: Live, plan: Plan) -> list[Result]:
    """Each interface is there and up, something answers for it, and it has the key, port and MTU that it shall."""
    results = []
    for interface in plan.tunnels:
        name, faults = interface["name"], []
        down = _down(live, interface)
        if down:
            faults.append(down)
        else:
            link, running = live.links[name], live.wireguard[name]
            if "UP" not in link["flags"]:
                faults.append("it is switched off")
            if link["mtu"] != interface["mtu"]:
                faults.append(f"its MTU is {link['mtu']}, not {interface['mtu']}")
            if running["listen_port"] != interface["listen_port"]:
                faults.append(f"its port is {running['listen_port']}, not {interface['listen_port']}")
            if running["public_key"] != interface["public_key"]:
                faults.append(
                    f"its public key is {running['public_key']}, and the others know {interface['public_key']}"
                )
        results.append(judged("tunnel_up", name, faults, _RUN))
    return results


def _peers(live: Live, plan: Plan, check: str) -> Iterable[tuple[str, dict[str, Any], dict[str, Any] | None, Result]]:
    """(subject, planned, live or None, the result where it cannot be judged)."""
    for interface in plan.tunnels:
        for peer in interface["peers"]:
            subject = f"{interface['name']} {peer['name']}"
            down = _down(live, interface)
            running = None if down else live.wireguard[interface["name"]]["peers"].get(peer["public_key"])
            yield subject, peer, running, skipped(check, subject, down or "the peer is not there")


def tunnel_peer(live: Live, plan: Plan) -> list[Result]:
    """Each peer is known to its interface, with exactly the prefixes that it shall have."""
    results = []
    for subject, peer, running, unjudged in _peers(live, plan, "tunnel_peer"):
        if running is None and "the peer is not there" not in unjudged.message:
            results.append(unjudged)
            continue
        faults = []
        if running is None:
            faults.append("it is not among the interface's peers")
        elif sorted(running["allowed_ips"]) != sorted(peer["allowed_ips"]):
            faults.append(f"its allowed IPs are {_listed(running['allowed_ips'])}, not {_listed(peer['allowed_ips'])}")
        results.append(judged("tunnel_peer", subject, faults, _RUN))
    return results


def tunnel_handshake(live: Live, plan: Plan) -> list[Result]:
    """The last handshake with each peer is young. A ping has just gone through the tunnel, so that there is one."""
    results = []
    for subject, dummy, running, unjudged in _peers(live, plan, "tunnel_handshake"):
        if running is None:
            results.append(unjudged)
            continue
        age, faults = running["handshake_age_s"], []
        if age is None:
            faults.append("there was no handshake yet")
        elif age > plan.handshake_s:
            faults.append(f"the last handshake was {age} s ago")
        hint = (
            "the far end may be down, have another address or another key, or a firewall on the way drops UDP; "
            "where it has moved, write its new endpoint and run role wireguard"
        )
        results.append(judged("tunnel_handshake", subject, faults, hint))
    return results


def tunnel_endpoint(live: Live, plan: Plan) -> list[Result]:
    """Each peer is where the file says, unless it is a name or nothing is said."""
    results = []
    for subject, peer, running, unjudged in _peers(live, plan, "tunnel_endpoint"):
        if running is None:
            results.append(unjudged)
            continue
        faults = []
        if _is_address(peer["endpoint"]) and running["endpoint"] != peer["endpoint"]:
            faults.append(f"it is at {running['endpoint'] or 'no endpoint'}, not at {peer['endpoint']}")
        hint = "write the new endpoint where it has moved for good; else role wireguard puts it back when it is silent"
        results.append(judged("tunnel_endpoint", subject, faults, hint))
    return results


def tunnel_source(live: Live, plan: Plan) -> list[Result]:
    """Packets to each peer leave with the address that the far end lets in."""
    results = []
    for subject, peer, running, unjudged in _peers(live, plan, "tunnel_source"):
        if not peer.get("source"):
            continue
        if running is None:
            results.append(unjudged)
            continue
        faults = []
        if running["source"] and running["source"] != peer["source"]:
            faults.append(f"packets to {running['endpoint']} leave with {running['source']}, not {peer['source']}")
        hint = "FRR keeps the source of a route until it learns the route anew: vtysh -c 'clear bgp *'"
        results.append(judged("tunnel_source", subject, faults, hint))
    return results


def tunnel_rules(live: Live, plan: Plan) -> list[Result]:
    """The rules by source and the blackhole routes behind the tunnel are there."""
    wanted, results = plan.verify.get("tunnels") or {}, []
    if not wanted:
        return []
    rules = {_rule(rule, plan) for family in ("ipv4", "ipv6") for rule in live.rules(family)}
    for rule in wanted.get("rules", ()):
        key = (rule["priority"], rule["from"], rule["table"], rule.get("suppress_prefixlength", -1))
        faults = [] if key in rules else [f"there is no rule {rule['priority']} that leads to table {rule['table']}"]
        results.append(judged("tunnel_rules", f"from {rule['from']}", faults, _RUN))
    holes = {
        (canonical_prefix(route["dst"], family), _number(route.get("table", 254), plan))
        for family in ("ipv4", "ipv6")
        for route in live.routes(family)
        if route.get("type") == _BLACKHOLE
    }
    for hole in wanted.get("blackholes", ()):
        faults = [] if (hole["prefix"], hole["table"]) in holes else [f"it is not in table {hole['table']}"]
        results.append(judged("tunnel_rules", f"blackhole {hole['prefix']}", faults, _RUN))
    return results


def tunnel_firewall(live: Live, plan: Plan) -> list[Result]:
    """The tunnels' table of nftables is loaded."""
    wanted = plan.verify.get("tunnels")
    if not wanted:
        return []
    faults = [] if f"table inet {wanted['table']} {{" in live.nft else [f"there is no table inet {wanted['table']}"]
    hint = f"systemctl restart fabric-tunnels; {_RUN}"
    return [judged("tunnel_firewall", wanted["table"], faults, hint)]


def _rule(rule: dict[str, Any], plan: Plan) -> tuple[int, str, int, int]:
    source = str(rule.get("src", "all"))
    length = rule.get("srclen", 128 if ":" in source else 32)
    return (
        int(rule["priority"]),
        source if source == "all" else f"{source}/{length}",
        _number(rule["table"], plan),
        int(rule.get("suppress_prefixlen", -1)),
    )


def _number(table: int | str, plan: Plan) -> int:
    """`ip` gives a table's name where it knows one."""
    text = str(table)
    if text.isdecimal():
        return int(text)
    names: dict[str, int] = (plan.underlay.get("names") or {}).get("tables", {})
    return _MAIN.get(text, names.get(text, -1))


def _listed(prefixes: list[str]) -> str:
    return ", ".join(sorted(prefixes, key=lambda text: (family_of(text), text))) or "none"


def _is_address(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
