# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wireguard_peer against real WireGuard: four calls, others lose nothing, roaming, refusals, undo."""

from __future__ import annotations

import copy
from typing import Any

from figures import accepting, record
from frrlab import until
from wglab import FILE, ROUTES, Lab, Probes


def some_peers(lab: Lab) -> list[dict[str, Any]]:
    """One of each kind."""
    keys = lab.public_keys(4)
    return [
        {
            "name": "a site",
            "public_key": keys[0],
            "endpoint": "[2001:db8:1::2]:52000",
            "allowed_ips": ["2001:DB8:78::/48", "10.78.0.0/24"],
            "preshared_key": lab.preshared(),
            "persistent_keepalive": 25,
        },
        {"public_key": keys[1], "allowed_ips": ["10.78.1.0/24"], "endpoint": "localhost:52001", "table": 0},
        {"public_key": keys[2], "allowed_ips": ["0.0.0.0/0", "::/0"], "endpoint": "192.0.2.2:52002", "table": 110},
        {"public_key": keys[3]},
    ]


def apart(peers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the one that is allowed everything, beside which no other prefix can stand."""
    return [peer for peer in peers if "::/0" not in peer.get("allowed_ips", ())]


def test_four_calls(lab: Lab) -> None:
    peers = some_peers(lab)
    fresh = lab.peers(apart(peers), check=True)
    assert fresh["changed"]
    assert fresh["pending"] == [
        "interface: there is no WireGuard interface 'wg0' on this node; wireguard_interface makes it"
    ]
    assert lab.peers(apart(peers))["msg"] == fresh["pending"][0]

    made = lab.hub()
    before, files = lab.kernel(), lab.files()
    wanted = apart(peers)
    predicted = lab.peers(wanted, check=True)
    assert (lab.kernel(), lab.files()) == (before, files)
    first = lab.peers(wanted)
    assert (first["changed"], first["implementation"]) == (True, lab.implementation), first
    assert (first["commands"], first["after"]) == (predicted["commands"], predicted["after"])
    assert first["public_key"] == made["public_key"]
    key = wanted[0]["public_key"]
    shown = lab.shell("wg show wg0")
    assert "endpoint: [2001:db8:1::2]:52000" in shown
    assert "allowed ips: 10.78.0.0/24, 2001:db8:78::/48" in shown
    assert "persistent keepalive: every 25 seconds" in shown
    assert f"{key}\t{wanted[0]['preshared_key']}" in lab.shell("wg show wg0 preshared-keys")
    routes = lab.shell("ip route show proto 213; ip -6 route show proto 213").split("\n")
    assert [line.split()[:3] for line in routes if line] == [
        ["10.78.0.0/24", "dev", "wg0"],
        ["2001:db8:78::/48", "dev", "wg0"],
    ]
    # As it was declared, not as it runs.
    assert "Endpoint = localhost:52001\n" in lab.machine.read(FILE)
    assert "# a site\n" in lab.machine.read(FILE)

    there, files = lab.kernel(), lab.files()
    lab.logging_wg()
    for check in (True, False):
        again = lab.peers(wanted, check=check)
        assert not again["changed"], again
        assert (again["commands"], again["before"]) == ([], again["after"])
        calls = lab.calls()
        assert len(calls) == len(set(calls)), calls  # nothing is read twice
        assert all(call.startswith(("wg show wg0", "ip -j")) for call in calls), calls
        assert not [call for call in calls if call.endswith(("dump", "private-key"))]
    assert (lab.kernel(), lab.files()) == (there, files)


def test_each_field_by_itself(lab: Lab) -> None:
    """Each change names that peer and no other, and there is a way back."""
    lab.hub()
    peers = apart(some_peers(lab))
    lab.peers(peers)
    before = lab.kernel()
    key = peers[0]["public_key"]
    words: dict[str, Any] = {
        "endpoint": "192.0.2.2:53000",
        "allowed_ips": ["10.78.0.0/24"],
        "persistent_keepalive": 0,
        "preshared_key": None,
        "table": 0,
        "name": "another name",
    }
    changed = copy.deepcopy(peers)
    for field, value in words.items():
        changed[0][field] = value
        done = lab.peers(changed)
        assert done["changed"], field
        commands = [line for line in done["commands"] if line.startswith("wg ")]
        assert [line.split(" ")[4] for line in commands] == ([key] if field not in ("table", "name") else []), done
    assert not lab.peers(changed)["changed"]
    assert lab.peers(changed, check=True)["commands"] == []
    predicted = lab.peers(peers, check=True)
    assert lab.peers(peers)["commands"] == predicted["commands"]
    assert lab.kernel() == before


def test_scope(lab: Lab) -> None:
    lab.hub()
    peers = apart(some_peers(lab))
    lab.shell("ip route add 10.99.0.0/24 dev wg0; ip route add 10.78.0.0/24 dev wg0 proto 213 metric 77 table 99")
    lab.peers(peers)
    assert "10.99.0.0/24" in lab.shell("ip route show dev wg0")
    assert lab.shell("ip route show table 99").split() == []
    [stranger] = lab.public_keys(1)
    lab.shell(f"wg set wg0 peer {stranger} allowed-ips 10.80.0.0/16")

    # Without purge the others stay, in the kernel and in the file, and keep what they have.
    one = {"public_key": peers[0]["public_key"], "allowed_ips": ["10.81.0.0/24"]}
    refused = lab.peers([{**one, "allowed_ips": ["10.80.1.0/24"]}], purge=False)
    assert refused["msg"] == (
        f"peers[0].allowed_ips: 10.80.1.0/24 lies in 10.80.0.0/16, which the peer {stranger}, which is not listed, "
        "has; a prefix belongs to one peer of an interface"
    )
    assert lab.peers([one], purge=False)["changed"]
    there = lab.shell("wg show wg0 peers").split()
    assert sorted(there) == sorted([stranger, *(peer["public_key"] for peer in peers)])
    assert all(peer["public_key"] in lab.machine.read(FILE) for peer in peers)
    assert "10.81.0.0/24" in lab.machine.read(ROUTES)
    assert "10.78.0.0/24" not in lab.machine.read(ROUTES)

    # Only the listed one goes.
    assert lab.peers([{"public_key": stranger}], state="absent")["commands"] == [f"wg set wg0 peer {stranger} remove"]
    assert not lab.peers([{"public_key": stranger}], state="absent")["changed"]
    assert "peers: with `state: absent`" in lab.peers([], state="absent")["msg"]
    gathered = lab.peers([], state="gathered")["gathered"]
    assert sorted(peer["public_key"] for peer in gathered["peers"]) == sorted(peer["public_key"] for peer in peers)
    assert lab.peers([])["changed"]
    assert lab.shell("wg show wg0 peers; ip route show proto 213").split() == []
    assert "[Peer]" not in lab.machine.read(FILE)


def test_fifty_peers_and_the_others_lose_nothing(lab: Lab) -> None:
    # an emulated machine takes seconds for each far end
    living, probes = (5 if lab.implementation == "kernel" else 20, 1000) if accepting() else (2, 60)
    made = lab.hub()
    ends = [lab.far_end(number, made["public_key"]) for number in range(1, living + 1)]
    others = [
        {"public_key": key, "allowed_ips": [f"10.78.{index}.0/24"]}
        for index, key in enumerate(lab.public_keys(51 - living))
    ]
    fifty, one_more = [*ends, *others[:-1]], others[-1]
    assert len(fifty) == 50
    lab.peers(fifty)
    for number in range(1, living + 1):
        lab.reach(number)
    running = Probes(lab, list(range(1, living + 1)))
    rounds = 0
    while rounds == 0 or running.sent()[0] < probes:
        changed = copy.deepcopy([*fifty, one_more])
        assert [line.split()[4] for line in _wg(lab.peers(changed))] == [one_more["public_key"]]
        changed[-2]["allowed_ips"] = ["10.79.0.0/24"]
        assert [line.split()[4] for line in _wg(lab.peers(changed))] == [changed[-2]["public_key"]]
        assert len(_wg(lab.peers(fifty))) == 2  # the one that was changed, and the removal
        rounds += 1
    sent, lost = running.stop()
    assert lost == 0, f"{lost} of {sent} probes lost"
    assert sent >= probes
    assert not lab.peers(fifty)["changed"]
    # The probes can fail: a restart of the interface drops sessions.
    running = Probes(lab, [1])
    until("probes", lambda: running.sent()[0], 20)
    lab.shell("wg-quick down wg0 2>/dev/null; sleep 1; wg-quick up wg0 2>/dev/null")
    assert running.stop()[1] > 0
    peers = f"50 peers on one interface ({lab.implementation}), {living} of them answer"
    how = f"{peers}; one added, one changed, one removed"
    record("wireguard", f"probes lost on other peers, {lab.machine.release}", f"{lost} of {sent}", rounds, how)


def _wg(result: dict[str, Any]) -> list[str]:
    assert "msg" not in result, result
    return [line for line in result["commands"] if line.startswith("wg set")]


def test_a_peer_that_roams(lab: Lab) -> None:
    made = lab.hub()
    peer = lab.far_end(1, made["public_key"])
    lab.peers([peer])
    lab.reach(1)
    # The far end moves to another address and speaks from there.
    far = "ip netns exec far"
    lab.shell(
        f"{far} ip addr add 192.0.2.9/24 dev far0; {far} ip addr del 192.0.2.2/24 dev far0;"
        f"{far} ip addr add 192.0.2.9/24 dev far0 2>/dev/null; {far} ping -q -c 2 -I 10.77.1.1 10.77.0.1",
        check=False,
    )
    until("the new endpoint", lambda: "192.0.2.9" in lab.shell("wg show wg0 endpoints"), 20)
    lab.reach(1)
    # It answers from there: nothing to do.
    there = lab.kernel()
    assert not lab.peers([peer])["changed"]
    assert lab.kernel() == there
    # Somebody declares where it is now: the file changes, the session does not.
    assert lab.peers([{**peer, "endpoint": "192.0.2.9:52001"}])["commands"] == [f"write {FILE}"]
    # An endpoint where nobody answers, and no handshake with it: the declared one is set again.
    [dead] = lab.public_keys(1)
    silent = {"public_key": dead, "endpoint": "192.0.2.77:1000", "allowed_ips": ["10.90.0.0/24"]}
    both = [{**peer, "endpoint": "192.0.2.9:52001"}, silent]
    lab.peers(both)
    lab.shell(f"wg set wg0 peer {dead} endpoint 192.0.2.78:1000")
    assert lab.peers(both, check=True)["changed"]
    assert lab.peers(both)["commands"] == [f"wg set wg0 peer {dead} endpoint 192.0.2.77:1000"]
    # A name that does not resolve any more is no reason to fail for a peer that runs with it.
    lab.shell("printf '192.0.2.50 vpn.example.net\\n' >>/etc/hosts")
    named = [both[0], {**silent, "endpoint": "vpn.example.net:1000"}]
    assert f"wg set wg0 peer {dead} endpoint 192.0.2.50:1000" in lab.peers(named)["commands"]
    lab.shell("grep -v vpn.example /etc/hosts >/run/hosts; cat /run/hosts >/etc/hosts")
    assert not lab.peers(named)["changed"]
    refused = lab.peers([both[0], {**silent, "endpoint": "other.example.net:1000"}])
    assert refused["msg"].startswith("peers[1].endpoint: 'other.example.net' cannot be resolved: ")


def test_refusals_touch_nothing(lab: Lab) -> None:
    made = lab.hub()
    peers = apart(some_peers(lab))
    lab.peers(peers)
    lab.shell("ip link set up0 mtu 1470")
    before, files = lab.kernel(), lab.files()
    one, two = lab.public_keys(2)
    private, dummy = lab.key()
    small = "leads over 'up0', which carries 1470 bytes, of which WireGuard takes"
    nested = [
        {"public_key": one, "allowed_ips": ["10.1.0.0/16"]},
        {"public_key": two, "allowed_ips": ["10.1.2.0/24"]},
    ]
    itself = "peers[0].endpoint: 192.0.2.2:51820 is inside of its own allowed_ips"
    refusals: dict[str, list[dict[str, Any]]] = {
        "peers[1].allowed_ips: 10.1.2.0/24 lies in 10.1.0.0/16, which peers[0] has; "
        "a prefix belongs to one peer of an interface": nested,
        f"{itself} 192.0.2.0/24, so the tunnel would have to run through itself": [
            {"public_key": one, "endpoint": "192.0.2.2:51820", "allowed_ips": ["192.0.2.0/24"]}
        ],
        f"{itself} 0.0.0.0/0, which table 254 (main) would lead into the tunnel; take another table and a rule": [
            {"public_key": one, "endpoint": "192.0.2.2:51820", "allowed_ips": ["0.0.0.0/0"]}
        ],
        f"peers[0].public_key: {made['public_key']} is the key of 'wg0' itself": [{"public_key": made["public_key"]}],
        f"peers[0].endpoint: the way to 2001:db8:1::2 {small} 80: the MTU of 'wg0' can be 1390 at most, not 1400": [
            {"public_key": one, "endpoint": "[2001:db8:1::2]:51820"}
        ],
    }
    for words, wanted in refusals.items():
        assert lab.peers(wanted, check=wanted is nested).get("msg") == words
    mangled = private[:-2] + "="
    refused = lab.peers([{"public_key": one, "preshared_key": mangled}])
    assert refused["msg"].startswith("peers[0].preshared_key: a value of 43 characters (sha256:")
    assert mangled not in str(refused)
    assert lab.peers([], interface="up0")["msg"] == ("interface: 'up0' is no WireGuard interface (its kind is veth)")
    assert (lab.kernel(), lab.files()) == (before, files)


def test_a_route_that_is_refused_undoes_the_peers(lab: Lab) -> None:
    lab.hub()
    peers = apart(some_peers(lab))
    lab.peers(peers)
    lab.shell("ip route add 10.91.0.0/24 dev up0 metric 11")
    before, files = lab.kernel(), lab.files()
    changed = copy.deepcopy(peers)
    changed[0]["allowed_ips"] = ["10.90.0.0/24", "10.91.0.0/24"]
    changed[0]["preshared_key"] = None
    refused = lab.peers([*changed[:1], {"public_key": lab.public_keys(1)[0], "allowed_ips": ["10.92.0.0/24"]}])
    assert refused["msg"] == (
        "`ip route add 10.91.0.0/24 dev wg0 proto 213 table 254 metric 11` was refused: "
        "RTNETLINK answers: File exists; everything is as it was before"
    )
    assert (lab.kernel(), lab.files()) == (before, files)


def test_a_lost_interface_key_is_put_back(lab: Lab) -> None:
    """As in an incident where a reload removed the private key: the public key before and after decides."""
    made = lab.hub()
    peers = apart(some_peers(lab))
    lab.peers(peers)
    before, files = lab.kernel(), lab.files()
    lab.shell(
        "cp /usr/bin/wg /usr/bin/wg.real; rm /usr/bin/wg;"
        'printf \'#!/bin/sh\\n[ "$1" = addconf ] && [ ! -e /run/once ] && wg.real set "$2" private-key /dev/null;'
        '[ "$1" = addconf ] && : >/run/once; exec wg.real "$@"\\n\' >/usr/bin/wg; chmod 755 /usr/bin/wg'
    )
    changed = copy.deepcopy(peers)
    changed[1]["allowed_ips"] = ["10.90.0.0/24"]
    refused = lab.peers(changed)
    assert refused["msg"] == (
        f"the public key of 'wg0' was {made['public_key']} and became (none); everything is as it was before"
    )
    assert (lab.kernel(), lab.files()) == (before, files)
