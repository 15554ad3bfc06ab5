# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What FRR says about itself, as plain data. Reads only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Callable

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]

RUNNING_CONFIG = "show running-config"
BGP_NEIGHBORS = "show bgp vrf all neighbors json"
BFD_PEERS = "show bfd peers json"
EVPN_VNIS = "show evpn vni json"
RIB = {"ipv4": "show ip route bgp json", "ipv6": "show ipv6 route bgp json"}

# FRR's name of an address family in `neighborCapabilities` → ours
FAMILIES = {
    "ipv4Unicast": "ipv4_unicast",
    "ipv6Unicast": "ipv6_unicast",
    "l2VpnEvpn": "l2vpn_evpn",
    "ipv4Vpn": "ipv4_vpn",
    "ipv6Vpn": "ipv6_vpn",
}

_SECRETS = re.compile(
    r"(?P<before>^\s*(?:neighbor \S+ password|ip ospf (?:authentication-key|message-digest-key \d+ md5)|password|"
    r"enable password|isis password (?:clear|md5)|(?:area|domain)-password (?:clear|md5)|key-string|"
    r"message-digest-key \d+ md5|ip rip authentication string)\s+)(?P<secret>\S.*)$",
    re.MULTILINE,
)
MASK = "********"


class Vtysh:
    """Several `show` commands, in one process where that works."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def show(self, commands: Sequence[str]) -> dict[str, Any]:
        """
        Command → its JSON, or its text where the command does not end in `json`. None where FRR refuses it (an
        older FRR, a daemon that does not run).
        """
        rc, out, _err = self._call(commands)
        parts = split_output(commands, out) if rc == 0 else None
        if parts is not None:
            return parts
        answers: dict[str, Any] = {}
        for command in commands:  # vtysh stops at the first refusal: ask one by one
            rc, out, _err = self._call([command])
            single = split_output([command], out) if rc == 0 else None
            answers[command] = single[command] if single else None
        return answers

    def _call(self, commands: Iterable[str]) -> tuple[int, str, str]:
        return self._run(["vtysh", *(word for command in commands for word in ("-c", command))])


def split_output(commands: Sequence[str], output: str) -> dict[str, Any] | None:
    """
    The joined answers to JSON commands, with at most one text command, which has to be the last. None if the
    output does not hold exactly one answer each.
    """
    decoder = json.JSONDecoder()
    answers: dict[str, Any] = {}
    rest = output.lstrip()
    for command in commands:
        if not command.endswith(" json"):
            answers[command] = rest
            return answers if len(answers) == len(commands) else None
        try:
            answers[command], end = decoder.raw_decode(rest)
        except ValueError:
            return None
        rest = rest[end:].lstrip()
    return None if rest else answers


def advertised_command(family: str, neighbor: str) -> str:
    return f"show bgp {family} unicast neighbors {neighbor} advertised-routes json"


def neighbors(answer: dict[str, Any] | None) -> list[dict[str, Any]]:
    """BGP neighbors of all VRFs: state, negotiated families, and the counters that show a reset."""
    found = []
    for vrf, entries in sorted((answer or {}).items()):
        for name, entry in sorted(entries.items()):
            if not isinstance(entry, dict) or "bgpState" not in entry:
                continue
            families = entry.get("neighborCapabilities", {}).get("multiprotocolExtensions", {})
            messages = entry.get("messageStats", {})
            bfd = entry.get("peerBfdInfo")
            found.append(
                {
                    "vrf": vrf,
                    "neighbor": name,
                    "state": entry["bgpState"],
                    "remote_as": entry.get("remoteAs"),
                    "peer_hostname": entry.get("hostname", ""),
                    "afis": sorted(
                        FAMILIES.get(family, family)
                        for family, value in families.items()
                        if isinstance(value, dict) and value.get("advertisedAndReceived")
                    ),
                    "prefixes_received": {
                        FAMILIES.get(family, family): value.get("acceptedPrefixCounter", 0)
                        for family, value in entry.get("addressFamilyInfo", {}).items()
                    },
                    "bfd": bfd.get("status", "").lower() if bfd else "",
                    "last_reset": entry.get("lastResetDueTo", ""),
                    "connections_established": entry.get("connectionsEstablished", 0),
                    "notifications_sent": messages.get("notificationsSent", 0),
                    "notifications_received": messages.get("notificationsRecv", 0),
                }
            )
    return found


def vnis(answer: dict[str, Any] | None) -> list[int]:
    """The Layer 2 VNIs that zebra knows."""
    entries = (answer or {}).values()
    return sorted(entry["vni"] for entry in entries if isinstance(entry, dict) and entry.get("type") == "L2")


def bfd_peers(answer: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [
        {
            "vrf": peer.get("vrf", "default"),
            "peer": peer.get("peer", ""),
            "interface": peer.get("interface", ""),
            "status": peer.get("status", ""),
            "diagnostic": peer.get("diagnostic", ""),
        }
        for peer in answer or []
    ]


def advertised(answer: dict[str, Any] | None) -> dict[str, str] | None:
    """Prefix → AS path of what is sent, also a default route that FRR originates for this neighbor alone."""
    if answer is None or "advertisedRoutes" not in answer:
        return None
    routes = {prefix: str(route.get("path", "")) for prefix, route in answer["advertisedRoutes"].items()}
    if answer.get("bgpOriginatingDefaultNetwork"):
        routes.setdefault(answer["bgpOriginatingDefaultNetwork"], "")
    return routes


def sends_default(answer: dict[str, Any] | None, neighbor: str, family: str, listed: int) -> bool:
    """
    Whether a neighbor of the default VRF is sent a default route that is originated for it alone.

    FRR 10.3 can forget that it sent it (`defaultNotSent`, and nothing in the list of advertised routes) when several
    sessions come up together; its count of sent prefixes is then still one more than the `listed` ones.
    """
    entry = (answer or {}).get("default", {}).get(neighbor, {})
    state = entry.get("addressFamilyInfo", {}).get(f"{family}Unicast", {})
    forgotten = state.get("defaultNotSent", False) and state.get("sentPrefixCounter", 0) > listed
    return bool(state.get("defaultSent") or forgotten)


def rib_prefixes(answer: dict[str, Any] | None) -> list[str]:
    """What BGP gave to zebra."""
    return sorted(answer or {})


def masked(running_config: str) -> str:
    """The text without the header that vtysh prints, and without secrets."""
    text = running_config.partition("Current configuration:")[2] or running_config
    return without_secrets(text.strip() + "\n")


def without_secrets(text: str) -> str:
    return _SECRETS.sub(lambda match: match.group("before") + MASK, text)
