# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From any peers to any others: what WireGuard does with the commands, and with their inverses."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils._wireguard._difference import (
    as_options,
    commands,
    difference,
    filed,
    inverse,
    kept_routes,
    names_to_resolve,
    routes_of,
    target_of,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import Peer, Peers, describe
from hypothesis import assume, given
from hypothesis import strategies as st

from .model import KEYS, Kernel, any_peers, key


@given(any_peers(), any_peers(), st.booleans())
def test_the_commands_lead_there_and_their_inverses_back(got: Peers, wanted: Peers, purge: bool) -> None:
    # What overlaps with a peer that stays is refused before.
    theirs = {prefix for name, peer in got.items() if name not in wanted for prefix in peer.allowed_ips}
    assume(purge or not any(theirs & set(peer.allowed_ips) for peer in wanted.values()))
    target = target_of(wanted, got, {}, (), {}, purge=purge)
    changes = difference(got, target)
    kernel = Kernel(got)
    kernel.run(changes)
    assert kernel.peers == target
    assert difference(kernel.peers, target_of(wanted, kernel.peers, {}, (), {}, purge=purge)) == []
    # Nobody else is touched.
    same = {name for name, peer in got.items() if target.get(name) == peer}
    assert not kernel.touched & same
    kernel.run(difference(kernel.peers, got))
    # An endpoint cannot be taken away.
    assert {name: peer._replace(endpoint="") for name, peer in kernel.peers.items()} == {
        name: peer._replace(endpoint="") for name, peer in got.items()
    }
    assert all(kernel.peers[name].endpoint == peer.endpoint for name, peer in got.items() if peer.endpoint)


@given(any_peers(least=1), any_peers())
def test_inverse_is_its_own_inverse(got: Peers, target: Peers) -> None:
    changes = difference(got, target)
    assert inverse(inverse(changes)) == changes
    assert len(commands("wg0", changes)) == len(changes)


@given(any_peers(named=True), any_peers())
def test_no_secret_in_words(wanted: Peers, got: Peers) -> None:
    said = str(commands("wg0", difference(got, target_of(wanted, got, {}, (), {}, purge=True))))
    said += "".join(map(describe, wanted.values())) + repr(wanted) + str(as_options(wanted, {}, {}))
    assert key(7) not in said
    assert key(8) not in said


def test_an_endpoint_is_left_alone_only_where_the_peer_lives_and_the_declaration_is_the_same() -> None:
    declared, roamed = "192.0.2.1:51820", "198.51.100.9:1"
    wanted = {KEYS[0]: Peer(KEYS[0], (), declared)}
    got = {KEYS[0]: Peer(KEYS[0], (), roamed)}

    def endpoint(recorded: str, alive: tuple[str, ...]) -> str:
        return target_of(wanted, got, {KEYS[0]: recorded}, alive, {}, purge=True)[KEYS[0]].endpoint

    assert endpoint(declared, (KEYS[0],)) == roamed
    assert endpoint(declared, ()) == declared
    assert endpoint("203.0.113.1:1", (KEYS[0],)) == declared
    assert endpoint("", (KEYS[0],)) == declared
    # No endpoint any more: it stays, since `wg` cannot take it away.
    assert target_of({KEYS[0]: Peer(KEYS[0])}, got, {}, (), {}, purge=True)[KEYS[0]].endpoint == roamed


def test_a_name_is_looked_up_only_when_it_decides() -> None:
    name = "vpn.example.net:51820"
    wanted = {KEYS[0]: Peer(KEYS[0], (), name)}
    got = {KEYS[0]: Peer(KEYS[0], (), "192.0.2.2:51820")}
    assert names_to_resolve(wanted, got, {KEYS[0]: name}, (KEYS[0],)) == []
    assert names_to_resolve(wanted, got, {KEYS[0]: name}, ()) == [KEYS[0]]
    assert names_to_resolve(wanted, {}, {}, ()) == [KEYS[0]]
    assert names_to_resolve({KEYS[0]: Peer(KEYS[0], (), "[fe80::1%up0]:1")}, {}, {}, ()) == []

    def endpoint(*addresses: str) -> str:
        return target_of(wanted, got, {}, (), {KEYS[0]: addresses}, purge=True)[KEYS[0]].endpoint

    assert endpoint("192.0.2.1", "192.0.2.2") == "192.0.2.2:51820"  # one of them is as good as another
    assert endpoint("2001:db8::1") == "[2001:db8::1]:51820"
    assert endpoint() == "192.0.2.2:51820"


@given(any_peers(named=True), any_peers(named=True), st.booleans())
def test_the_file(wanted: Peers, formerly: Peers, purge: bool) -> None:
    before = tuple(formerly.values())
    after = filed(wanted, before, purge, absent=False)
    assert filed(wanted, after, purge, absent=False) == after
    assert set(wanted.values()) <= set(after)
    assert {peer.public_key for peer in after} == set(wanted) | (set() if purge else set(formerly))
    gone = filed(wanted, before, purge, absent=True)
    assert gone == tuple(peer for peer in before if peer.public_key not in wanted)


def test_routes() -> None:
    wanted = {
        KEYS[0]: Peer(KEYS[0], ("10.0.0.0/24", "2001:db8::/64")),
        KEYS[1]: Peer(KEYS[1], ("10.0.1.0/24",)),
        KEYS[2]: Peer(KEYS[2], ("10.0.2.0/24",)),
    }
    tables = {KEYS[0]: None, KEYS[1]: 254, KEYS[2]: 0}
    assert set(routes_of("wg0", wanted, tables, 110, 0)) == {
        (110, "10.0.0.0/24", 0),
        (110, "2001:db8::/64", 1024),
        (254, "10.0.1.0/24", 0),
    }
    assert set(routes_of("wg0", wanted, tables, 0, 11)) == {(254, "10.0.1.0/24", 11)}
    routes = routes_of("wg0", wanted, tables, 110, 11)
    assert set(kept_routes(routes, [wanted[KEYS[0]], None])) == {(254, "10.0.1.0/24", 11)}


def test_commands_in_words() -> None:
    one = Peer(KEYS[0], ("10.0.0.0/24",), "192.0.2.1:1", Secret(key(7)), 25)
    two = Peer(KEYS[0], (), "192.0.2.1:1", None, 0)
    print_of = Secret(key(7)).fingerprint
    assert commands("wg0", difference({}, {KEYS[0]: one})) == [
        (
            f"wg set wg0 peer {KEYS[0]} preshared-key ({print_of}) endpoint 192.0.2.1:1 persistent-keepalive 25 "
            "allowed-ips 10.0.0.0/24"
        )
    ]
    assert commands("wg0", difference({KEYS[0]: one}, {KEYS[0]: two})) == [
        f"wg set wg0 peer {KEYS[0]} preshared-key (none) persistent-keepalive off allowed-ips (none)"
    ]
    assert commands("wg0", difference({KEYS[0]: one}, {})) == [f"wg set wg0 peer {KEYS[0]} remove"]
