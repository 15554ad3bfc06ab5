# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection routed.fabric: no promise is made to code outside of it.
"""What a node's WireGuard interfaces say of themselves, without any key that is a secret."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import Run as IpRun
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import WireguardError, split_endpoint
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._transport import Wg, ways


def collect(run: IpRun) -> dict[str, dict[str, Any]]:
    """Interface → public key, port, and its peers by public key. What `wg` does not know (any more) is missing."""
    rc, out, dummy = run(["wg", "show", "interfaces"], None)
    if rc != 0:
        return {}
    wg, found, now = Wg(run), dict[str, dict[str, Any]](), int(time.time())
    for name in out.split():
        try:
            running = wg.running(name)
            peers, handshakes = wg.peers(name), wg.handshakes(name)
        except WireguardError:
            continue  # its process has just died
        if running is None:
            continue
        sources = _sources(run, [peer.endpoint for peer in peers.values() if peer.endpoint])
        found[name] = {
            "public_key": running.public_key,
            "listen_port": running.listen_port,
            "peers": {
                key: {
                    "endpoint": peer.endpoint,
                    "source": sources.get(peer.endpoint, ""),
                    "allowed_ips": list(peer.allowed_ips),
                    # None: there was none yet
                    "handshake_age_s": now - handshakes[key] if handshakes.get(key) else None,
                }
                for key, peer in peers.items()
            },
        }
    return found


def _sources(run: IpRun, endpoints: list[str]) -> dict[str, str]:
    """Endpoint → the address that packets to it leave with."""
    hosts = {endpoint: split_endpoint(endpoint)[0].partition("%")[0] for endpoint in endpoints}
    found = ways(run, sorted(set(hosts.values())))
    return {endpoint: str(found.get(host, {}).get("prefsrc", "")) for endpoint, host in hosts.items()}
