# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses a guest may have: claims of several sources, checked against prefixes and against each other. Pure.

`fabric` claims are written by whoever runs the fabric. `ipfilter` and `ipconfig` can be edited by tenants: they lose
against `fabric`, and where two of them contradict each other, neither counts. Nobody can take over an address so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .addresses import IPV4, Network, inside, parse, parse_mac
from .parsing import GuestConfig

FABRIC = "fabric"
IPFILTER = "ipfilter"
IPCONFIG = "ipconfig"


class Claim(NamedTuple):
    """What one source says about one network interface, cluster-wide named by VMID and MAC."""

    source: str
    vmid: int
    mac: str
    name: str
    addresses: tuple[Network, ...]
    prefixes: tuple[Network, ...]

    @property
    def who(self) -> str:
        return f"{self.name or 'guest'} (VMID {self.vmid}, {self.mac})"


class Refusal(NamedTuple):
    """Something that was asked for and is not done; `why` is a whole sentence."""

    vmid: int
    nic: str  # a MAC, or netN
    address: str
    why: str


class Grant(NamedTuple):
    """What one network interface gets."""

    vmid: int
    mac: str
    name: str
    addresses: tuple[Network, ...]
    prefixes: tuple[Network, ...]


Key = tuple[int, str]  # VMID, MAC


def _networks(entry: Mapping[str, Any], key: str, who: str, refused: list[Refusal], vmid: int) -> tuple[Network, ...]:
    found = []
    for text in entry.get(key) or ():
        try:
            network = parse(str(text))
        except ValueError as exc:
            refused.append(Refusal(vmid, str(entry.get("mac", "")), str(text), f"{who}: {exc}."))
            continue
        if key == "addresses" and not network.is_address:
            why = f"{who}: {text} is a prefix; a routed prefix belongs under `prefixes`."
            refused.append(Refusal(vmid, str(entry.get("mac", "")), str(text), why))
        else:
            found.append(network)
    return tuple(found)


def fabric_claims(entries: Iterable[Any]) -> tuple[list[Claim], list[Refusal]]:
    """The entries of guests.json."""
    claims: list[Claim] = []
    refused: list[Refusal] = []
    for number, entry in enumerate(entries):
        where = f"guests.json: guests[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("vmid"), int):
            refused.append(Refusal(0, "", "", f"{where} has no VMID."))
            continue
        vmid = int(entry["vmid"])
        try:
            mac = parse_mac(str(entry.get("mac", "")))
        except ValueError as exc:
            refused.append(Refusal(vmid, "", "", f"{where} (VMID {vmid}): {exc}."))
            continue
        name = str(entry.get("name", ""))
        who = f"{name or 'guest'} (VMID {vmid}, {mac})"
        addresses = _networks(entry, "addresses", who, refused, vmid)
        claims.append(Claim(FABRIC, vmid, mac, name, addresses, _networks(entry, "prefixes", who, refused, vmid)))
    return claims, refused


def tenant_claims(
    vmid: int,
    config: GuestConfig,
    ipfilters: Mapping[int, tuple[Network, ...]],
    bridge: str,
    sources: Sequence[str],
) -> list[Claim]:
    """What a guest's own configuration and firewall sets say, of its interfaces on the bridge."""
    claims = []
    for nic in config.nics:
        if nic.bridge != bridge:
            continue
        if IPFILTER in sources and (networks := ipfilters.get(nic.number)):
            hosts = tuple(network for network in networks if network.is_address)
            routed = tuple(network for network in networks if not network.is_address)
            claims.append(Claim(IPFILTER, vmid, nic.mac, config.name, hosts, routed))
        if IPCONFIG in sources and nic.addresses:
            claims.append(Claim(IPCONFIG, vmid, nic.mac, config.name, nic.addresses, ()))
    return claims


class _Wish(NamedTuple):
    network: Network
    trusted: bool
    claim: Claim


def _overlaps(wishes: list[_Wish]) -> list[tuple[_Wish, _Wish]]:
    """Pairs of wishes of different interfaces that overlap.

    Prefixes are nested or disjoint. So, sorted by start and shortest first, those that contain the current one are
    exactly those of the stack that reach this far.
    """
    pairs = []
    stack: list[_Wish] = []
    for wish in sorted(wishes, key=lambda each: (each.network.version, each.network.value, each.network.length)):
        while stack and not stack[-1].network.overlaps(wish.network):
            stack.pop()
        pairs += [
            (other, wish) for other in stack if (other.claim.vmid, other.claim.mac) != (wish.claim.vmid, wish.claim.mac)
        ]
        stack.append(wish)
    return pairs


def _outside(network: Network, claim: Claim, allowed: Sequence[Network]) -> Refusal:
    prefixes = ", ".join(str(prefix) for prefix in allowed) or "none is declared"
    why = f"{network} of {claim.who}, from {claim.source}, is in none of the guests' prefixes ({prefixes})."
    return Refusal(claim.vmid, claim.mac, str(network), why)


def _contested(loser: _Wish, winner: _Wish) -> Refusal:
    mine, other = loser.claim, winner.claim
    same = "also" if loser.network == winner.network else f"overlaps {winner.network}, which"
    verdict = (
        "the fabric's entry wins" if winner.trusted and not loser.trusted else "neither gets it until one is removed"
    )
    claimed = f"{loser.network} of {mine.who}, from {mine.source}"
    why = f"{claimed}, {same} belongs to {other.who}, from {other.source}: {verdict}."
    return Refusal(mine.vmid, mine.mac, str(loser.network), why)


def decide(claims: Iterable[Claim], allowed: Sequence[Network]) -> tuple[dict[Key, Grant], list[Refusal]]:
    """Grants by VMID and MAC, and what was refused."""
    refused: list[Refusal] = []
    # What several sources say of one interface counts once, with the best of them: else a tenant could, by contesting
    # what another tenant repeats in his own set, take from him what the fabric gave.
    best: dict[tuple[Key, Network], _Wish] = {}
    for claim in claims:
        for network in (*claim.addresses, *claim.prefixes):
            if inside(network, allowed):
                key = ((claim.vmid, claim.mac), network)
                if key not in best or (claim.source == FABRIC and not best[key].trusted):
                    best[key] = _Wish(network, claim.source == FABRIC, claim)
            else:
                refused.append(_outside(network, claim, allowed))
    wishes = list(best.values())
    lost: set[tuple[Key, Network]] = set()
    for first, second in _overlaps(wishes):
        for loser, winner in ((first, second), (second, first)):
            beaten = ((loser.claim.vmid, loser.claim.mac), loser.network)
            if (winner.trusted or not loser.trusted) and beaten not in lost:
                lost.add(beaten)
                refused.append(_contested(loser, winner))
    return _grants(wishes, lost, refused), refused


def _grants(wishes: Iterable[_Wish], lost: set[tuple[Key, Network]], refused: list[Refusal]) -> dict[Key, Grant]:
    found: dict[Key, list[_Wish]] = {}
    for wish in wishes:
        key = (wish.claim.vmid, wish.claim.mac)
        if (key, wish.network) not in lost:
            found.setdefault(key, []).append(wish)
    grants: dict[Key, Grant] = {}
    for key, mine in found.items():
        name = next((wish.claim.name for wish in mine if wish.claim.name), "")
        addresses = tuple(dict.fromkeys(wish.network for wish in mine if wish.network.is_address))
        routed = tuple(dict.fromkeys(wish.network for wish in mine if not wish.network.is_address))
        families = {address.version for address in addresses}
        for prefix in routed:
            if prefix.version not in families:
                family = "IPv4" if prefix.version == IPV4 else "IPv6"
                why = f"{prefix} of {mine[0].claim.who} cannot be routed: the guest has no {family} address."
                refused.append(Refusal(key[0], key[1], str(prefix), why))
        grants[key] = Grant(
            key[0], key[1], name, addresses, tuple(prefix for prefix in routed if prefix.version in families)
        )
    return grants


def mismatches(vmid: int, config: GuestConfig, grants: Iterable[Grant], bridge: str) -> list[Refusal]:
    """Grants of one guest that its configuration does not bear out."""
    by_mac = {nic.mac: nic for nic in config.nics}
    refused = []
    for grant in grants:
        nic = by_mac.get(grant.mac)
        if nic is None:
            has = ", ".join(f"net{each.number} {each.mac}" for each in config.nics) or "none at all"
            why = f"{grant.name or 'guest'} (VMID {vmid}) has no network interface with MAC {grant.mac}: it has {has}."
            refused.append(Refusal(vmid, grant.mac, "", why))
        elif nic.bridge != bridge:
            on = f"is on bridge {nic.bridge}" if nic.bridge else "is on no bridge"
            why = f"{grant.name or 'guest'} (VMID {vmid}): net{nic.number} {on}, not on {bridge}."
            refused.append(Refusal(vmid, f"net{nic.number}", "", why))
    return refused
