# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who hears which route, and how: a small path-vector simulation of our own policy.

It follows RFC 4271's decision process as far as our configuration can tell routes apart: own route, length of the AS
path, eBGP before iBGP, router-id (compare-routerid is on), address of the neighbour; with multipath-relax. It knows
the loop check by AS (allowas_in), reflection by routers to hosts of their own AS (RFC 4456), and split horizon.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..addressing import DEFAULT_ROUTE, family_of
from ..model import Fabric, Node
from . import extension_policy, gateway, policy
from .sessions import Session


@dataclass(frozen=True)
class Route:
    """A route as a node has it."""

    as_path: tuple[int, ...]
    session: Session | None
    """The session over which it was learned; None for an own route (or one of an own upstream)."""
    originator: str
    clusters: tuple[str, ...] = ()

    @property
    def internal(self) -> bool:
        return self.session is not None and self.session.internal

    def same_cost(self, other: Route) -> bool:
        return (self.session is None, len(self.as_path), self.internal) == (
            other.session is None,
            len(other.as_path),
            other.internal,
        )


@dataclass
class Heard:
    """What became of one prefix."""

    best: dict[str, Route] = field(default_factory=dict)
    """Node to its best route; a node that does not hear the prefix is missing."""
    interfaces: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Node to the interfaces of all routes that cost the same as the best, sorted; empty for an own route."""
    sent: set[tuple[str, str]] = field(default_factory=set)
    """(node, neighbor) of every session over which the prefix is advertised."""


class Propagation:
    """The simulation of one fabric and one family."""

    def __init__(self, fabric: Fabric, sessions: dict[str, list[Session]], family: str) -> None:
        self._nodes = fabric.nodes
        self._family = family
        self._sessions = {name: [s for s in items if family in s.families] for name, items in sessions.items()}
        self._by_key = {s.key: s for items in self._sessions.values() for s in items}

    def loopback(self, node: Node) -> Heard:
        return self._run({node.name: Route((), None, node.name)}, default=False)

    def default_route(self, own: dict[str, tuple[int, ...]]) -> Heard:
        """The default route from all nodes that originate it. *own*: node to AS path of what its upstream gives it."""
        return self._run({n: Route(path, None, n) for n, path in own.items()}, default=True)

    def outside(self, own: dict[str, tuple[int, ...]]) -> Heard:
        """A prefix that upstreams announce to the nodes in *own*."""
        return self._run({n: Route(path, None, n) for n, path in own.items()}, default=False)

    def _run(self, own: dict[str, Route], default: bool) -> Heard:
        heard = Heard(best=dict(own))
        received: dict[str, dict[str, Route]] = {}
        queue = deque(own)
        if default:
            queue.extend(name for name, node in self._nodes.items() if node.default_originate and name not in own)
        while queue:
            name = queue.popleft()
            for session in self._sessions[name]:
                route = self._advertise(session, heard.best.get(name), default)
                (heard.sent.add if route else heard.sent.discard)(session.key)
                peer = session.peer
                there = self._by_key[session.reverse]
                table = received.setdefault(peer, {})
                taken = self._accept(there, route, default) if route else None
                if taken == table.get(there.neighbor):
                    continue
                if taken:
                    table[there.neighbor] = taken
                else:
                    table.pop(there.neighbor, None)
                best = own.get(peer) or min(table.values(), key=self._preference, default=None)
                if best != heard.best.get(peer):
                    if best:
                        heard.best[peer] = best
                    else:
                        del heard.best[peer]
                    queue.append(peer)
        for name, best in heard.best.items():
            routes = [r for r in received.get(name, {}).values() if r.same_cost(best)] if best.session else []
            heard.interfaces[name] = tuple(sorted({r.session.interface for r in routes if r.session}))
        return heard

    def _advertise(self, session: Session, best: Route | None, default: bool) -> Route | None:
        """What *session* sends of the best route, as the other end receives it (before its own policy)."""
        node, peer = self._nodes[session.node], self._nodes[session.peer]
        if default and policy.originates_default_to(node, peer):
            best = Route((), None, node.name)
        # FRR has no split horizon: a route that other neighbours of the same policy get goes back to where it came
        # from, too. The peer refuses it, since its AS or router-id is in it, and the checks do not count it.
        if best is None or (best.session is not None and best.session.key == session.key):
            return None
        if best.session is not None and not node.is_router:
            return None
        clusters = best.clusters
        if session.internal and best.session is not None and best.session.internal:
            from_client, to_client = not best.session.peer_is_router, not session.peer_is_router
            if not (from_client or to_client):
                return None
            clusters = (node.name, *clusters)
        there = self._by_key[session.reverse]
        if session.internal:
            return Route(best.as_path, there, best.originator if clusters else node.name, clusters)
        return Route((node.asn, *best.as_path), there, node.name)

    def _accept(self, session: Session, route: Route, default: bool) -> Route | None:
        node = self._nodes[session.node]
        if route.as_path.count(node.asn) > node.allowas_in or node.name in route.clusters:
            return None
        if session.internal and route.originator == node.name:
            return None
        if default and policy.refuses_default(node):
            return None
        return route

    def _preference(self, route: Route) -> tuple[object, ...]:
        neighbor = route.session.neighbor if route.session else ""
        router_id = tuple(int(part) for part in self._nodes[route.originator].router_id.split("."))
        return (len(route.as_path), route.internal, router_id, len(route.clusters), neighbor)


@dataclass
class Reach:
    """The result for the whole fabric: family to node to what became of its loopback; and of the default route."""

    loopbacks: dict[str, dict[str, Heard]]
    defaults: dict[str, Heard]
    outside: dict[str, dict[str, Heard]]
    """Family to prefix to what became of it, for what upstreams give us."""
    segments: dict[str, dict[str, Heard]]
    """The same for networks of segments whose gateways announce them."""


def simulate(fabric: Fabric, sessions: dict[str, list[Session]]) -> Reach:
    """Everything that is heard in *fabric* once it has converged."""
    reach = Reach({}, {}, {}, {})
    for family in fabric.families:
        run = Propagation(fabric, sessions, family)
        reach.loopbacks[family] = {n.name: run.loopback(n) for n in fabric.nodes.values() if family in n.loopbacks}
        given: dict[str, dict[str, tuple[int, ...]]] = {}
        for upstream in fabric.upstreams:
            for rule in upstream.accept:
                if rule.family == family and not (rule.ge or rule.le):
                    given.setdefault(rule.prefix, {}).setdefault(upstream.node, (upstream.remote_as,))
        announced: dict[str, dict[str, tuple[int, ...]]] = {}
        for node in fabric.nodes.values():
            if family in gateway.families(fabric, node):
                given.setdefault(DEFAULT_ROUTE[family], {})[node.name] = ()
            for prefix in node.announced:
                if family_of(prefix) == family:
                    announced.setdefault(prefix, {})[node.name] = ()
        for prefix, name in extension_policy.declared(fabric, family).items():
            announced.setdefault(prefix, {})[name] = ()
        reach.segments[family] = {prefix: run.outside(own) for prefix, own in announced.items()}
        reach.defaults[family] = run.default_route(given.pop(DEFAULT_ROUTE[family], {}))
        reach.outside[family] = {prefix: run.outside(own) for prefix, own in given.items()}
        _prefer_connected(fabric, family, reach)
    return reach


def _prefer_connected(fabric: Fabric, family: str, reach: Reach) -> None:
    """A point-to-point address that is the neighbour's loopback makes a connected route, which beats BGP's."""
    direct: dict[tuple[str, str], set[str]] = {}
    for link in fabric.links:
        for near, far in ((link.a, link.b), (link.b, link.a)):
            loopback = fabric.nodes[far.node].loopbacks.get(family)
            if link.kind == "peer" and loopback and far.addresses.get(family) == loopback:
                direct.setdefault((far.node, near.node), set()).add(near.interface)
    for (owner, node), interfaces in direct.items():
        reach.loopbacks[family][owner].interfaces[node] = tuple(sorted(interfaces))
