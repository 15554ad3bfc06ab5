# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is there to what is wanted: the commands are taken by a kernel, nothing is left to do, and undo undoes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ip._links import parse_address
from ansible_collections.routed.fabric.plugins.module_utils._vxlan import _difference
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._difference import Scope, difference, predict
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._gathered import gathered, segments_gone
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._model import Link, describe, lines, marked, runs
from ansible_collections.routed.fabric.plugins.module_utils._vxlan._wanted import (
    Overlay,
    keeping,
    wanted_links,
    wanted_overlay,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .kernel import Kernel

LOCALS = {4: ("10.0.0.1", "10.0.0.2"), 6: ("2001:db8::1", "2001:db8::2")}
ADDRESSES = ("10.1.0.1/24", "10.1.0.1/25", "10.2.0.1/24", "2001:db8:5::1/64", "2001:db8:6::1/64")


def segment(**values: Any) -> dict[str, Any]:
    base = {"mtu": 1500, "ports": [], "addresses": [], "suppress": False, "flooding": True}
    return {**base, **values}


def options(**values: Any) -> dict[str, Any]:
    base = {
        "state": "present",
        "form": "per_vni",
        "local": "10.0.0.1",
        "port": 4789,
        "segments": [],
        "remote_vteps": [],
    }
    return {**base, **values}


@st.composite
def overlays(draw: Any) -> Overlay:
    form = draw(st.sampled_from(["per_vni", "single"]))
    vnis = draw(st.lists(st.integers(1, 9), unique=True, max_size=6))
    vlans = draw(st.permutations(range(1, 10)))
    whole = {"suppress": draw(st.booleans()), "flooding": draw(st.booleans())}
    ports = iter(draw(st.permutations(["eth1", "eth2", "eth3"])))
    made = []
    for index, vni in enumerate(vnis):
        values: dict[str, Any] = {
            **whole,
            "vni": vni,
            "mtu": draw(st.sampled_from([1400, 1500, 9000])),
            "addresses": [ADDRESSES[i] for i in draw(st.sets(st.sampled_from([0, 2, 3, 4])))],
            "ports": [name for name in [next(ports, "")] if name and draw(st.booleans())],
        }
        if form == "single":
            values["vlan"] = vlans[index]
        else:
            values["bridge"] = f"br{draw(st.sampled_from([vni, vni + 10]))}"
        if values["addresses"] and draw(st.booleans()):
            values["gateway_mac"] = "02:00:00:00:00:09"
        made.append(segment(**values))
    family = draw(st.sampled_from([4, 6]))
    local = draw(st.sampled_from(LOCALS[family]))
    more: dict[str, Any] = {"bridge": "fab", "device": "vx"} if form == "single" else {}
    if form == "per_vni" and draw(st.booleans()):
        more["remote_vteps"] = ["10.0.0.9" if family == 4 else "2001:db8::9"]
    port = draw(st.sampled_from([4789, 4790]))
    return wanted_overlay(options(form=form, local=local, port=port, segments=made, **more))


def machine() -> Kernel:
    kernel = Kernel()
    for name in ("eth1", "eth2", "eth3", "tap1i0"):
        kernel.add(name, "")
    kernel.add("br0", "bridge", state="up")
    kernel.devices["br0"].details = {"stp_state": "1", "forward_delay": "1500"}
    return kernel


def apply(kernel: Kernel, overlay: Overlay, purge: bool = True) -> None:
    """What the module does in one run."""
    links = kernel.links()
    wanted = wanted_links(overlay, links)
    if not purge:
        wanted = keeping(wanted, links)
    unwanted = tuple(sorted(marked(links) - set(wanted))) if purge else ()
    given_before = {name: link.addresses for name, link in links.items() if name in marked(links)}
    scope = Scope(unwanted, given_before)
    predicted = predict(wanted, links, scope)
    kernel.take(difference(wanted, links, scope))
    kernel.take(difference(wanted, kernel.links(), scope))
    assert difference(wanted, kernel.links(), scope) == []
    names = {*wanted, *unwanted}
    assert describe(names, predicted) == describe(names, kernel.links())


@settings(max_examples=80, deadline=None)
@given(overlays(), overlays(), st.booleans())
def test_nothing_is_left_to_do(first: Overlay, second: Overlay, purge: bool) -> None:
    kernel = machine()
    foreign = kernel.links()["br0"]
    apply(kernel, first)
    bridges = {name: device.number for name, device in kernel.devices.items() if device.kind == "bridge"}
    apply(kernel, second, purge or first.form != second.form)
    assert kernel.links()["br0"] == foreign
    for segment_ in second.segments:  # a bridge that is wanted before and after is never made again
        name = segment_.bridge or second.bridge
        assert kernel.devices[name].number == bridges.get(name, kernel.devices[name].number)


@settings(max_examples=80, deadline=None)
@given(overlays(), overlays(), st.integers(0, 60))
def test_an_undo_undoes(first: Overlay, second: Overlay, after: int) -> None:
    kernel = machine()
    apply(kernel, first)
    former = kernel.links()
    wanted = wanted_links(second, former)
    unwanted = tuple(sorted(marked(former) - set(wanted)))
    steps = difference(wanted, former, Scope(unwanted, {name: link.addresses for name, link in former.items()}))
    done = 0
    for step in steps:  # refused after so many commands
        taken = step.commands[: max(0, after - done)]
        kernel.take([step._replace(commands=taken)] if taken else [])
        done += len(step.commands)
    touched = [*unwanted, *wanted]
    back, scope = _difference.restoration(touched, former, kernel.links())
    kernel.take(difference(back, kernel.links(), scope))
    assert lines(describe(touched, kernel.links())) == lines(describe(touched, former))


@settings(max_examples=40, deadline=None)
@given(overlays())
def test_gathered_is_what_was_wanted(overlay: Overlay) -> None:
    kernel = machine()
    apply(kernel, overlay)
    links = kernel.links()
    found = gathered(links, marked(links))
    if not overlay.segments:
        assert found == {"segments": []}
        return
    again = wanted_overlay(options(**{**found, "segments": [segment(**item) for item in found["segments"]]}))
    assert difference(wanted_links(again, links), links, Scope()) == []


@settings(max_examples=40, deadline=None)
@given(overlays(), st.sets(st.integers(1, 9)))
def test_what_is_absent_is_gone(overlay: Overlay, vnis: set[int]) -> None:
    kernel = machine()
    apply(kernel, overlay)
    links = kernel.links()
    names, kept = segments_gone(vnis, links, marked(links))
    scope = Scope(tuple(names))
    kernel.take(difference(kept, links, scope))
    left = kernel.links()
    found = gathered(left, marked(left))
    assert [item["vni"] for item in found["segments"]] == sorted({s.vni for s in overlay.segments} - vnis)
    assert segments_gone(vnis, left, marked(left)) == ([], {})


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 250])
def test_removals_come_in_chunks(count: int) -> None:
    links = {f"b{n}": Link(f"b{n}", "bridge", group="4789" if n == 0 else "default") for n in range(count)}
    steps = difference({}, links, Scope(tuple(links)))
    assert [len([c for c in step.commands if " group " in c and " set " in c]) for step in steps] == (
        [0] if count == 1 else [min(100, count - start) for start in range(0, count, 100)]
    )
    assert all("4790" in step.commands[-1] for step in steps) or count == 1
    assert steps[0].commands[-1] == ("link del dev b0" if count == 1 else "link del group 4790")


def test_what_is_made_first_and_what_comes_up_last() -> None:
    kernel = machine()
    overlay = wanted_overlay(options(segments=[segment(vni=200, bridge="vmbr200", ports=["eth1"])]))
    links = kernel.links()
    assert [c for step in difference(wanted_links(overlay, links), links, Scope()) for c in step.commands] == [
        "link add dev vmbr200 mtu 1501 address 02:a5:31:40:eb:58 type bridge stp_state 0 forward_delay 0",
        "link set dev vmbr200 alias routed.fabric addrgenmode none mtu 1500",
        "link set dev vmbr200 up",
        "link add dev vxlan200 mtu 1500 type vxlan id 200 dstport 4789 local 10.0.0.1 nolearning",
        "link set dev vxlan200 alias routed.fabric addrgenmode none master vmbr200",
        "link set dev vxlan200 type bridge_slave learning off neigh_suppress off flood on mcast_flood on",
        "link set dev vxlan200 up",
        "link set dev eth1 master vmbr200 up",
    ]


def test_two_segments_change_their_vnis() -> None:
    """Both VXLAN devices go before one comes: the kernel takes a VNI once."""
    kernel = machine()
    one, two = segment(vni=1, bridge="b1", vxlan="x1"), segment(vni=2, bridge="b2", vxlan="x2")
    apply(kernel, wanted_overlay(options(segments=[one, two])))
    kernel.devices["tap1i0"].settings["master"] = "b1"
    apply(kernel, wanted_overlay(options(segments=[{**one, "vni": 2}, {**two, "vni": 1}])))
    assert kernel.devices["tap1i0"].settings["master"] == "b1"


def test_a_bridge_keeps_its_mac_and_foreign_addresses() -> None:
    kernel = machine()
    overlay = wanted_overlay(options(segments=[segment(vni=1, bridge="b1", addresses=["2001:db8:5::1/64"])]))
    apply(kernel, overlay)
    kernel.devices["b1"].settings["address"] = "02:00:00:00:00:01"
    kernel.devices["b1"].addresses.append(parse_address("192.0.2.1/24"))
    links = kernel.links()
    commands = [c for s in difference(wanted_links(overlay, links), links, Scope()) for c in s.commands]
    assert commands == ["addr add fe80::ff:fe00:1/64 dev b1 nodad"]


def test_runs() -> None:
    assert list(runs([5, 1, 2, 3, 9, 8])) == [(1, 3), (5, 5), (8, 9)]
    assert list(runs([])) == []
