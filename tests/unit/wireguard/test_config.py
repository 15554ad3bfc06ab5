# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of wg-quick: written and read, masked, somebody else's."""

from __future__ import annotations

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._boot import render_stanza
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._config import (
    Document,
    foreign,
    is_ours,
    parse,
    render,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret, fingerprint
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import Interface, Peers, WireguardError
from hypothesis import given
from hypothesis import strategies as st

from .model import KEYS, any_peers, key

PATH = "/etc/wireguard/wg0.conf"


@st.composite
def any_document(draw: st.DrawFn) -> Document:
    peers: Peers = draw(any_peers(named=True))
    interface = Interface(
        draw(st.sampled_from([None, Secret(key(9))])),
        draw(st.sampled_from([0, 51820])),
        tuple(draw(st.lists(st.sampled_from(["10.0.0.1/24", "2001:db8::1/64"]), unique=True))),
        draw(st.sampled_from([0, 1420])),
        draw(st.sampled_from([0, 0xFAB])),
        draw(st.sampled_from([0, 110, 254])),
    )
    return Document(interface, tuple(peers.values()))


@given(any_document())
def test_what_is_written_is_read(document: Document) -> None:
    text = render(document, PATH)
    assert parse(text) == document
    assert render(parse(text), PATH) == text
    assert is_ours(text)
    assert foreign(text) == []


@given(any_document())
def test_what_is_shown_has_no_key(document: Document) -> None:
    shown = render(document, PATH, masked=True)
    for number in (7, 8, 9):
        assert key(number) not in shown
    if document.interface.private_key:
        assert f"PrivateKey = ({fingerprint(key(9))})" in shown


def test_the_whole_text() -> None:
    interface = Interface(Secret(key(9)), 51820, ("10.0.0.1/24", "2001:db8::1/64"), 1420, 0xFAB, 110)
    peers = parse(
        f"[Peer]\n# a site\nPublicKey = {KEYS[0]}\nAllowedIPs = 10.1.0.0/24,2001:db8:1::/48\nEndpoint=a.b:1\n"
    ).peers
    assert render(Document(interface, peers), PATH) == (
        "# Written by the Ansible collection routed.fabric (modules wireguard_interface and wireguard_peer).\n"
        "# Do not edit: the next run puts this file back.\n"
        "# Routes to the peers: table 110\n"
        "\n"
        "[Interface]\n"
        f"PrivateKey = {key(9)}\n"
        "ListenPort = 51820\n"
        "FwMark = 0xfab\n"
        "Address = 10.0.0.1/24\n"
        "Address = 2001:db8::1/64\n"
        "MTU = 1420\n"
        "Table = off\n"
        "PostUp = [ ! -e /etc/wireguard/wg0.routes ] || ip -force -batch /etc/wireguard/wg0.routes || true\n"
        "\n"
        "[Peer]\n"
        "# a site\n"
        f"PublicKey = {KEYS[0]}\n"
        "Endpoint = a.b:1\n"
        "AllowedIPs = 10.1.0.0/24, 2001:db8:1::/48\n"
    )


def test_somebody_elses() -> None:
    text = (
        f"[interface]\nprivatekey={key(9)} # mine\nAddress=10.0.0.1/24, 2001:db8::1/64\nDNS = 192.0.2.53\nPostUp = x\n"
        f"Table = auto\n[PEER]\nPublicKey={KEYS[0]}\nPersistentKeepalive = off\nAllowedIPs = 10.0.0.0/24\n"
        "AllowedIPs = 10.0.1.0/24\n"
    )
    assert foreign(text) == ["DNS", "PostUp"]
    document = parse(text)
    assert document.interface.private_key == Secret(key(9))
    assert document.interface.addresses == ("10.0.0.1/24", "2001:db8::1/64")
    assert document.peers[0].allowed_ips == ("10.0.0.0/24", "10.0.1.0/24")
    assert document.peers[0].keepalive == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Interface]\nPrivateKey\n", "line 2 cannot be read (no key and value)"),
        ("[Interface]\nListenPort = many\n", "line 2 cannot be read (ListenPort)"),
        ("[Peer]\n\nAllowedIPs = 10.0.0.300/24\n", "line 3 cannot be read (AllowedIPs)"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(WireguardError) as caught:
        parse(text)
    assert str(caught.value) == words


def test_the_stanza() -> None:
    text = render_stanza("wg0", Interface(Secret(key(9)), 0, ("10.0.0.1/24",), 1400))
    assert key(9) not in text
    assert text.split("\n\n", 1)[1] == (
        "auto wg0\niface wg0\n    address-purge no\n    mtu 1400\n    address 10.0.0.1/24\n"
        "    pre-up wg show wg0 public-key >/dev/null 2>&1 || wg-quick up wg0\n"
        "    post-up [ ! -e /etc/wireguard/wg0.routes ] || ip -force -batch /etc/wireguard/wg0.routes || true\n"
        "    post-down wg-quick down wg0 || true\n"
    )
