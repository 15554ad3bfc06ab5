# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pair of random configurations on live sessions, and what must hold after going from one to the other."""

from __future__ import annotations

import contextlib
import random
import re
from typing import Any, NamedTuple

import frr_generator
import frrlab
from ansible_collections.routed.fabric.plugins.module_utils._frr._canonical import canonical
from ansible_collections.routed.fabric.plugins.module_utils._frr._render import render
from ansible_collections.routed.fabric.plugins.module_utils._frr._scope import thing_of
from ansible_collections.routed.fabric.plugins.module_utils._frr._tree import Line, parse

# The generator's own live neighbours (external, no group); more are added below.
PEERS = ["up1", "10.1.0.0", "2001:db8:2::"]
LIVE_GROUP = "LIVE"
# Lines of the instance that are part of every session: what they say is negotiated or identifies the router.
SESSION_LEVEL = re.compile(r"bgp (router-id|cluster-id|graceful-restart)")
DEADLINE_S = 20


class Finding(NamedTuple):
    """Something that must not be."""

    what: str
    detail: str


def versions(release: str) -> tuple[int, int]:
    return (10, 3) if release == "trixie" else (8, 4)


def pair(seed: int, release: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(A, B): B is A in part, except in every fifth pair, where it is another configuration altogether."""
    version = versions(release)
    one = frr_generator.generate(seed, version, PEERS)
    other = (
        frr_generator.generate(seed + 100_000, version, PEERS)
        if seed % 5 == 4
        else frr_generator.mutate(one, seed, version, PEERS)
    )
    rng = random.Random(f"pair {seed}")
    extras = [_extra(rng) for _ in range(2)]
    for config, extra in ((one, extras[0]), (other, extras[0] if rng.random() < 0.6 else extras[1])):
        instance = next(item for item in config["instances"] if item.get("vrf", "default") == "default")
        instance["peer_groups"] = [*instance["peer_groups"], extra["group"]]
        instance["neighbors"] = [*instance["neighbors"], *extra["neighbors"]]
        families = instance.setdefault("address_families", [])
        family = next((item for item in families if item["afi"] == "ipv4"), None)
        if family is None:
            family = {"afi": "ipv4", "safi": "unicast"}
            families.append(family)
        names = [LIVE_GROUP, "10.3.0.0", "10.255.0.2", "2001:db8:255::3"]
        family["neighbors"] = [*family.get("neighbors", []), *({"neighbor": n, "activate": True} for n in names)]
    return one, other


def _extra(rng: random.Random) -> dict[str, Any]:
    """Live sessions that the generator does not make: members of a group, iBGP, loopbacks over several hops."""
    group: dict[str, Any] = {"name": LIVE_GROUP, "remote_as": "external", "timers": {"keepalive_s": 3, "hold_s": 9}}
    if rng.random() < 0.5:
        group["bfd"] = {"enabled": True}
    if rng.random() < 0.3:
        group["advertisement_interval_s"] = rng.choice([0, 2])
    internal: dict[str, Any] = {"neighbor": "10.3.0.0", "remote_as": "internal"}
    if rng.random() < 0.5:
        internal["description"] = f"inside {rng.randint(1, 4)}"
    loopback: dict[str, Any] = {"neighbor": "10.255.0.2", "remote_as": 4200000002, "update_source": "10.255.0.9",
                                "ebgp_multihop": rng.choice([5, 9])}  # fmt: skip
    inside: dict[str, Any] = {
        "neighbor": "2001:db8:255::3",
        "remote_as": "internal",
        "update_source": "2001:db8:255::9",
    }
    return {
        "group": group,
        "neighbors": [
            {"neighbor": "up2", "interface": True, "peer_group": LIVE_GROUP},
            {"neighbor": "10.2.0.0", "peer_group": LIVE_GROUP, "description": f"member {rng.randint(1, 2)}"},
            internal,
            loopback,
            inside,
        ],
    }


def sessions(lines: list[Line]) -> dict[str, frozenset[Line]]:
    """For each neighbour of the default instance: every line that its session depends on."""
    header = next((text for context, text in lines if not context and re.fullmatch(r"router bgp \d+", text)), "")
    inside = [line for line in lines if line[0][:1] == (header,)]
    common = {line for line in inside if len(line[0]) == 1 and SESSION_LEVEL.match(line[1])}
    if any(line[1] == "no bgp default ipv4-unicast" for line in inside):
        common.add(((header,), "no bgp default ipv4-unicast"))  # activation is said differently then
    said: dict[str, set[Line]] = {}
    groups: dict[str, str] = {}
    for context, text in inside:
        found = re.match(r"(?:no )?neighbor (\S+) (.*)", text)
        if found:
            said.setdefault(found[1], set()).add(
                (context, found[2] if not text.startswith("no ") else "no " + found[2])
            )
            member = re.search(r"peer-group (\S+)$", found[2])
            if member:
                groups[found[1]] = member[1]
    result = {}
    for name, mine in said.items():
        whole = mine | said.get(groups.get(name, ""), set()) | common
        for _, text in list(whole):
            profile = re.match(r"bfd profile (\S+)", text)
            if profile:
                whole |= {line for line in lines if line[0] == ("bfd", f"profile {profile[1]}")}
        result[name] = frozenset(whole)
    return result


def expected_up(config: dict[str, Any]) -> set[str]:
    instance = next(item for item in config["instances"] if item.get("vrf", "default") == "default")
    live = {*PEERS, "up2", "10.2.0.0", "10.3.0.0", "10.255.0.2", "2001:db8:255::3"}
    return {n["neighbor"] for n in instance["neighbors"] if n["neighbor"] in live}


def owned_lines(text: str, release: str, profile: str) -> list[Line]:
    """What an overriding call owns, in canonical form."""
    return canonical([line for line in parse(text) if thing_of(line)], versions(release), profile)


def run(lab: frrlab.Lab, seed: int, hook: str = "", reload_too: bool = True) -> tuple[list[Finding], dict[str, Any]]:
    """Apply A, wait for its sessions, apply B. Returns what must not be, and figures."""
    one, other = pair(seed, lab.release)
    findings: list[Finding] = []
    version = versions(lab.release)

    def apply(name: str, config: dict[str, Any], with_hook: str = "") -> dict[str, Any]:
        result = lab.dut.module({"config": config, "state": "overridden"}, hook=with_hook)
        if result.get("failed"):
            findings.append(Finding(f"{name} refused", str(result.get("msg"))))
        elif result.get("warnings"):
            findings.append(Finding(f"{name} warned", str(result["warnings"])))
        return result

    def compare(name: str, config: dict[str, Any]) -> None:
        there = set(owned_lines(lab.dut.running(), lab.release, lab.profile))
        wanted = {line for line in render(config, version, lab.profile) if thing_of(line)}
        for word, lines in (("surplus", there - wanted), ("missing", wanted - there)):
            if lines:
                findings.append(Finding(f"{name}: {word}", " | ".join(" / ".join([*c, t]) for c, t in sorted(lines))))

    if apply("A", one).get("failed"):
        return findings, {}
    compare("A", one)
    wanted_up = expected_up(one)
    up = _settle(lab, wanted_up)
    before = frrlab.counters(lab.dut)
    result = apply("B", other, hook)
    if result.get("failed"):
        return findings, {}
    compare("B", other)
    again = apply("B again", other)
    if again.get("changed"):
        findings.append(Finding("B again changed", " | ".join(again.get("commands", [])) or "the file"))
    after = frrlab.counters(lab.dut)
    stays = _sessions_that_stay(one, other, lab)
    checked = sorted(up & stays)
    for name in checked:
        if after.get(f"default {name}") != before[f"default {name}"]:
            findings.append(
                Finding("session moved", f"{name}: {before[f'default {name}']} -> {after.get(f'default {name}')}; "
                        + " | ".join(result.get("commands", [])))
            )  # fmt: skip
    if reload_too:
        left = reload_test(lab)
        if left:
            findings.append(Finding("frr-reload has something left", " | ".join(left)))
    return findings, {"up": sorted(up), "down": sorted(wanted_up - up), "checked": checked,
                      "commands": len(result.get("commands", []))}  # fmt: skip


def _settle(lab: frrlab.Lab, wanted: set[str]) -> set[str]:
    """Wait for the sessions; those that do not come (the policy may forbid it) are only not checked."""

    def names() -> set[str]:
        return {name.split(" ", 1)[1] for name in frrlab.established(lab.dut) if name.startswith("default ")} & wanted

    with contextlib.suppress(frrlab.LabError):
        frrlab.until("sessions", lambda: names() == wanted, DEADLINE_S / 4, 0.2)
    return names()


def _sessions_that_stay(one: dict[str, Any], other: dict[str, Any], lab: frrlab.Lab) -> set[str]:
    version = versions(lab.release)
    before, after = (sessions(render(config, version, lab.profile)) for config in (one, other))
    return {name for name, lines in before.items() if after.get(name) == lines}


# What frr-reload.py --test reports although nothing differs, and why.
PHANTOMS: tuple[tuple[str, str], ...] = ()


def reload_test(lab: frrlab.Lab) -> list[str]:
    """What FRR's own reload tool would still do with the saved file, phantoms left out."""
    said = lab.dut.run("/usr/lib/frr/frr-reload.py --test --stdout /etc/frr/frr.conf 2>&1", check=False)
    left = []
    for line in said.splitlines():
        text = line.strip()
        if not text or text in ("Lines To Delete", "Lines To Add") or set(text) == {"="}:
            continue
        if re.match(r"\d{4}-\d\d-\d\d .*(INFO|DEBUG):", text):
            continue
        if any(re.search(pattern, text) for pattern, _ in PHANTOMS):
            continue
        left.append(text)
    return left
