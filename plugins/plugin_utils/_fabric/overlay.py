# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for all segments: form, VTEP addresses, who carries EVPN, and when an address is a duplicate."""

from __future__ import annotations

from typing import Any

from . import addressing
from .errors import Path, Problems
from .model import Fabric, Node
from .overlay_model import Duplicates, Overlay

_PATH: Path = ("overlay",)
LIMIT = 100
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def read_overlay(data: dict[str, Any], fabric: Fabric, problems: Problems) -> Overlay:
    """The overlay, checked against the nodes."""
    raw = data.get("overlay") or {}
    single = raw.get("form") == "single"
    for key in ("bridge", "device"):
        if key in raw and not single:
            problems.add("segment_form", (*_PATH, key), key=key, form="per_vni")
    reflectors = [node for node in fabric.nodes.values() if is_reflector(node)]
    local = raw.get("local", "ipv4")
    default = "reflectors" if reflectors and local == "ipv4" else "underlay"
    reflected = raw.get("sessions", default) == "reflectors"
    reflection = raw.get("reflectors") or {}
    overlay = Overlay(
        form=raw.get("form", "per_vni"),
        bridge=raw.get("bridge", "fabricbr") if single else "",
        device=raw.get("device", "fabricvx") if single else "",
        local=local,
        reflected=reflected,
        listen=tuple(addressing.prefix(p) for p in reflection.get("listen") or [] if p),
        limit=reflection.get("limit", LIMIT),
        password=(reflection.get("password") or {}).get("secret"),
        duplicates=_duplicates(raw.get("duplicates", True)),
    )
    if local == "ipv6":
        for key, value in (("sessions", "reflectors"), ("form", "single")):
            if raw.get(key) == value:
                problems.add("overlay_ipv6", (*_PATH, key), key=key, value=value)
    vteps = [node for node in fabric.nodes.values() if "vtep" in node.functions]
    if not problems.touches(("pools",)):
        for node in vteps if data.get("segments") or reflected else []:
            _check_loopback(node, local, "VXLAN", problems)
    if reflected and local == "ipv4":
        _check_reflectors(reflectors, problems)
        _check_listen(overlay, reflection, vteps, reflectors, problems)
    elif reflection and not reflected:
        problems.add("overlay_reflectors_unused", (*_PATH, "reflectors"))
    return overlay


def is_reflector(node: Node) -> bool:
    return "route_reflector" in node.functions


def _duplicates(raw: Any) -> Duplicates | None:
    if raw is False:
        return None
    values = raw if isinstance(raw, dict) else {}
    return Duplicates(values.get("moves", 5), values.get("seconds", 180), str(values.get("freeze", "")))


def _check_loopback(node: Node, family: str, what: str, problems: Problems) -> None:
    path: Path = ("nodes", node.name)
    if family not in node.loopbacks and not problems.codes(path):
        pool = f"loopback{family[-1]}"
        problems.add("overlay_no_loopback", path, node=node.name, family=_NAMES[family], pool=pool, what=what)


def _check_reflectors(reflectors: list[Node], problems: Problems) -> None:
    if not reflectors and not problems.touches(("nodes",)):
        problems.add("overlay_no_reflectors", (*_PATH, "sessions"))
    for node in reflectors:
        path: Path = ("nodes", node.name)
        if not problems.touches(("pools",)):
            _check_loopback(node, "ipv4", "the sessions with VTEPs", problems)
        first = reflectors[0]
        if node.asn != first.asn and node.asn and first.asn:
            problems.add("overlay_reflectors_asn", path, asn=node.asn, other=first.name, other_asn=first.asn)
        if "vtep" in node.functions:
            problems.add("overlay_reflector_is_vtep", (*path, "functions"))


def _check_listen(
    overlay: Overlay, raw: dict[str, Any], vteps: list[Node], reflectors: list[Node], problems: Problems
) -> None:
    path: Path = (*_PATH, "reflectors")
    if not raw.get("listen"):
        if "limit" in raw and not problems.touches((*path, "listen")):
            problems.add("overlay_listen_limit_alone", (*path, "limit"))
        return
    for index, prefix in enumerate(overlay.listen):
        if addressing.family_of(prefix) != overlay.local:
            problems.add("overlay_listen_family", (*path, "listen", index), prefix=prefix)
    if problems.touches((*path, "listen")):
        return
    for node in vteps:
        address = node.loopbacks.get(overlay.local)
        if address and not any(addressing.contains(prefix, address) for prefix in overlay.listen):
            problems.add("overlay_listen_outside", (*path, "listen"), address=address, node=node.name)
    if overlay.limit < len(vteps):
        problems.add("overlay_listen_limit", (*path, "limit"), limit=overlay.limit, count=len(vteps))
    inside = next((node for node in vteps if reflectors and node.asn == reflectors[0].asn), None)
    outside = next((node for node in vteps if reflectors and node.asn != reflectors[0].asn), None)
    if inside and outside and inside.asn and outside.asn:
        problems.add(
            "overlay_listen_two_ases",
            (*path, "listen"),
            node=inside.name,
            asn=inside.asn,
            other=outside.name,
            other_asn=outside.asn,
            reflectors=reflectors[0].asn,
        )


def check_heard(fabric: Fabric, heard: dict[str, Any], defaults: Any, problems: Problems) -> None:
    """Whether each VTEP and each reflector have a route to each other's loopback, not only a default route.

    FRR (10.3) leaves a session idle whose neighbor it reaches by the default route alone. *heard*: node to what
    became of its loopback; *defaults*: what became of the default route (see plan.propagation).
    """
    overlay = fabric.overlay
    if not overlay.reflected:
        return
    reflectors = [node for node in fabric.nodes.values() if is_reflector(node)]
    for reflector in reflectors:
        for vtep in fabric.nodes.values():
            if "vtep" not in vtep.functions:
                continue
            for node, other in ((vtep, reflector), (reflector, vtep)):
                resolves = any("resolve-via-default" in line for line in node.frr_lines)
                if other.name in heard and node.name not in heard[other.name].best and not resolves:
                    default = ", only a default route" if node.name in defaults.best else ""
                    problems.add(
                        "overlay_unheard", ("nodes", node.name), node=node.name, other=other.name, default=default
                    )
                    break
