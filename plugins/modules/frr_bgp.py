# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: frr_bgp
short_description: BGP and the policy around it on a node that runs FRR
version_added: 0.1.0
author:
  - The routed.fabric contributors (@routed)
description:
  - Brings the routing configuration of one node to what is given, in one transaction with C(vtysh). Lines that differ
    are changed in their place; a session that a change does not concern stays up, and FRR is never restarted.
  - It owns the listed BGP instances whole, the listed policy objects, BFD profiles and static routes, the router
    advertisement settings of the listed interfaces, and every object whose name begins with O(name_prefix). Every other
    line of the configuration stays as it is.
  - After a change the running configuration is read back. When FRR refuses a line, what was there before is put back.
  - Tested with FRR 8.4 (Debian 12, Proxmox VE 8) and 10.3 (Debian 13, Proxmox VE 9). Other versions give a warning.
notes:
  - An option that is not given has FRR's default, which depends on the node's profile, C(frr defaults traditional) or
    C(datacenter). The profile of a running FRR is never changed.
  - Forwarding belongs to sysctl, so C(ip forwarding) lines are ignored unless O(config.forwarding) is given.
  - On a node whose frr.conf is written by Proxmox's SDN the module refuses to work.
seealso:
  - name: FRR, BGP
    description: FRR's own reference.
    link: https://docs.frrouting.org/en/latest/bgp.html
  - name: RFC 7938
    description: Use of BGP for routing in large-scale data centers.
    link: https://www.rfc-editor.org/rfc/rfc7938
  - name: RFC 8950
    description: IPv4 routes with IPv6 next hops.
    link: https://www.rfc-editor.org/rfc/rfc8950
extends_documentation_fragment:
  - routed.fabric.attributes
options:
  config:
    type: dict
    description: >-
      The wanted configuration. What is absent keeps FRR's default, which depends on the node's profile (C(frr
      defaults)).
    suboptions:
      router_id:
        type: dict
        description: Router ids of zebra, not of one BGP instance (C(ip router-id)).
        suboptions:
          ipv4: {type: str, description: "An IPv4 address."}
          ipv6: {type: str, description: "An IPv6 address. Refused on FRR 8.4, which saves another one."}
      protocol_route_maps:
        type: list
        elements: dict
        description: Route maps between a protocol's routes and the kernel, for instance to set the source address.
        suboptions:
          afi: {type: str, required: true, choices: [ipv4, ipv6], description: "The family."}
          protocol: {type: str, required: true, description: "The protocol in FRR's words, for instance V(bgp)."}
          route_map: {type: str, required: true, description: "The name of the route map."}
      prefix_lists:
        type: list
        elements: dict
        description: Prefix lists. The same name may exist once for each family.
        suboptions:
          name: {type: str, required: true, description: "The name."}
          afi: {type: str, required: true, choices: [ipv4, ipv6], description: "The family."}
          description: {type: str, description: "A free text."}
          entries:
            type: list
            elements: dict
            description: The entries.
            suboptions:
              sequence: {type: int, required: true, description: "The number of the entry. It is required, so that an
                entry can be changed in its place."}
              action: {type: str, required: true, choices: [permit, deny], description: "Whether the entry permits or
                denies."}
              prefix: {type: str, required: true, description: "A prefix, or V(any)."}
              ge: {type: int, description: "The shortest length that matches."}
              le: {type: int, description: "The longest length that matches."}
      as_path_lists:
        type: list
        elements: dict
        description: AS-path access lists.
        suboptions:
          name: {type: str, required: true, description: "The name."}
          entries:
            type: list
            elements: dict
            description: The entries.
            suboptions:
              sequence: {type: int, required: true, description: "The number of the entry. It is required, so that an
                entry can be changed in its place."}
              action: {type: str, required: true, choices: [permit, deny], description: "Whether the entry permits or
                denies."}
              regex: {type: str, required: true, description: "A regular expression, for instance V(^$) for one's own
                routes."}
      community_lists:
        type: list
        elements: dict
        description: Community lists (RFC 1997).
        suboptions:
          name: &list_name {type: str, required: true, description: "The name."}
          kind: &list_kind {type: str, default: standard, choices: [standard, expanded], description: "V(standard)
            lists communities, V(expanded) has regular expressions. Both kinds share their names."}
          entries: &list_entries
            type: list
            elements: dict
            description: The entries.
            suboptions:
              sequence: {type: int, required: true, description: "The number of the entry. It is required, so that an
                entry can be changed in its place."}
              action: {type: str, required: true, choices: [permit, deny], description: "Whether the entry permits or
                denies."}
              communities: {type: list, elements: str, description: "Communities such as V(65000:1) or V(no-export),
                for a standard list. Their order does not matter."}
              regex: {type: str, description: "A regular expression, for an expanded list."}
      large_community_lists:
        type: list
        elements: dict
        description: Large-community lists (RFC 8092).
        suboptions:
          name: *list_name
          kind: *list_kind
          entries: *list_entries
      route_maps:
        type: list
        elements: dict
        description: Route maps.
        suboptions:
          name: {type: str, required: true, description: "The name."}
          entries:
            type: list
            elements: dict
            description: The entries.
            suboptions:
              sequence: {type: int, required: true, description: "The number of the entry. It is required, so that an
                entry can be changed in its place."}
              action: {type: str, required: true, choices: [permit, deny], description: "Whether the entry permits or
                denies."}
              description: {type: str, description: "A free text."}
              call: {type: str, description: "Another route map that has to permit, too."}
              on_match: {type: str, description: "V(next) or V(goto N); only in an entry that permits."}
              match:
                type: dict
                description: Conditions; all of them must hold.
                suboptions:
                  ip_prefix_list: {type: str, description: "An IPv4 prefix list that the route's prefix passes."}
                  ipv6_prefix_list: {type: str, description: "An IPv6 prefix list that the route's prefix passes."}
                  ip_next_hop_prefix_list: {type: str, description: "An IPv4 prefix list that the next hop passes."}
                  as_path: {type: str, description: "An AS-path list."}
                  community:
                    type: dict
                    description: A community list.
                    suboptions:
                      list: {type: str, required: true, description: "The name of the list."}
                      exact: {type: bool, description: "The route has these communities and no others."}
                  large_community:
                    type: dict
                    description: A large-community list.
                    suboptions:
                      list: {type: str, required: true, description: "The name of the list."}
                      exact: {type: bool, description: "The route has these communities and no others."}
                  interface: {type: str, description: "The interface of the next hop."}
                  metric: {type: int, description: "The metric (MED)."}
                  tag: {type: int, description: "The tag."}
                  local_preference: {type: int, description: "The local preference."}
                  peer: {type: str, description: "The neighbor, by address or interface, or V(local) for own routes."}
                  source_protocol: {type: str, description: "The protocol that the route comes from."}
                  evpn_route_type: {type: str, choices: [ead, macip, multicast, es, prefix], description: "The type of
                    an EVPN route (RFC 7432, 9136)."}
                  evpn_vni: {type: int, description: "The VNI of an EVPN route."}
                  evpn_default_route: {type: bool, description: "The route is an EVPN default route."}
              set:
                type: dict
                description: What is changed.
                suboptions:
                  as_path_prepend: {type: list, elements: int, description: "AS numbers to put before the path."}
                  as_path_prepend_last_as: {type: int, description: "How often to repeat the first AS of the path, 1 to
                    10. Not together with O(config.route_maps[].entries[].set.as_path_prepend)."}
                  community:
                    type: dict
                    description: Communities to set.
                    suboptions:
                      values: {type: list, elements: str, required: true, description: "The communities. An empty list
                        removes all that the route has."}
                      additive: {type: bool, description: "Keep the communities that the route has."}
                  large_community:
                    type: dict
                    description: Large communities to set.
                    suboptions:
                      values: {type: list, elements: str, required: true, description: "The communities. An empty list
                        removes all that the route has."}
                      additive: {type: bool, description: "Keep the communities that the route has."}
                  comm_list_delete: {type: str, description: "A community list; what it matches is removed from the
                    route."}
                  local_preference: {type: int, description: "The local preference."}
                  metric: {type: str, description: "A number, a difference (V(+5), V(-5)), or V(rtt), V(+rtt),
                    V(-rtt)."}
                  ip_next_hop: {type: str, description: "An IPv4 address, V(unchanged) or V(peer-address)."}
                  ipv6_next_hop_global: {type: str, description: "The global IPv6 next hop."}
                  ipv6_next_hop_prefer_global: {type: bool, description: "Prefer the global IPv6 next hop to the
                    link-local one."}
                  origin: {type: str, choices: [igp, egp, incomplete], description: "The origin."}
                  src: {type: str, description: "The source address of the kernel's route. Used with
                    O(config.protocol_route_maps)."}
                  tag: {type: int, description: "The tag."}
                  weight: {type: int, description: "The weight."}
      static_routes:
        type: list
        elements: dict
        description: Static routes. Routes to the same prefix by different ways are ECMP.
        suboptions:
          prefix: {type: str, required: true, description: "The destination. Host bits are cleared."}
          vrf: {type: str, default: default, description: "The VRF."}
          blackhole: {type: bool, description: "Drop what goes there (C(Null0)). It originates the prefix when it is
            announced as a network."}
          next_hop: {type: str, description: "The next hop. A link-local one needs O(config.static_routes[].interface),
            too."}
          interface: {type: str, description: "The outgoing interface."}
          distance: {type: int, description: "The administrative distance; 1 unless it is given."}
          tag: {type: int, description: "The tag."}
          table: {type: int, description: "The kernel's routing table, by number."}
      interfaces:
        type: list
        elements: dict
        description: Router advertisement settings of interfaces (RFC 4861). Nothing else of an interface is touched.
        suboptions:
          name: {type: str, required: true, description: "The name."}
          nd:
            type: dict
            description: The settings.
            suboptions:
              suppress_ra: {type: bool, description: "Send no router advertisements. FRR's default is V(true)."}
              ra_interval_ms: {type: int, description: "The interval between router advertisements in ms, 70 to
                1800000. FRR's default is 600000."}
              ra_lifetime_s: {type: int, description: "How long the node is a default router, in seconds, 0 (never) to
                9000."}
              managed_config: {type: bool, description: "Tell hosts to get addresses by DHCPv6."}
              other_config: {type: bool, description: "Tell hosts to get other settings by DHCPv6."}
      bfd_profiles:
        type: list
        elements: dict
        description: BFD profiles (RFC 5880).
        suboptions:
          name: {type: str, required: true, description: "The name."}
          detect_multiplier: {type: int, description: "Lost packets until the session is down, 2 to 255. FRR's default
            is 3."}
          transmit_interval_ms: {type: int, description: "The smallest interval at which this node sends, in ms. FRR's
            default is 300."}
          receive_interval_ms: {type: int, description: "The smallest interval at which this node receives, in ms.
            FRR's default is 300."}
          echo_mode: {type: bool, description: "Send echo packets, too."}
          echo_transmit_interval_ms: {type: int, description: "The interval of echo packets in ms. FRR's default is
            50."}
          echo_receive_interval_ms: {type: int, description: "The smallest interval at which echo packets are
            reflected, in ms. FRR's default is 50."}
          passive_mode: {type: bool, description: "Wait for the other side's packets."}
          minimum_ttl: {type: int, description: "The smallest TTL of packets of a multihop session. FRR's default is
            254."}
          shutdown: {type: bool, description: "Keep sessions with this profile down."}
      instances:
        type: list
        elements: dict
        description: BGP instances, one each VRF. A listed instance belongs to this module whole.
        suboptions:
          asn: {type: int, required: true, description: "The AS number."}
          vrf: {type: str, default: default, description: "The VRF."}
          router_id: {type: str, description: "The router id, an IPv4 address."}
          cluster_id: {type: str, description: "The cluster id of a route reflector (RFC 4456)."}
          default_ipv4_unicast: {type: bool, description: "Activate IPv4 unicast for every neighbor that does not say
            otherwise. FRR's default is V(true)."}
          ebgp_requires_policy: {type: bool, description: "Exchange no routes with external neighbors that have no
            policy (RFC 8212). FRR's default is V(true) in profile traditional, V(false) in datacenter."}
          network_import_check: {type: bool, description: "Announce a network only while there is a route to it. FRR's
            default is V(true)."}
          log_neighbor_changes: {type: bool, description: "Log when a neighbor comes and goes. FRR's default is
            V(false) in profile traditional, V(true) in datacenter."}
          always_compare_med: {type: bool, description: "Compare the MED of routes from different ASes, too."}
          deterministic_med: {type: bool, description: "Compare the MED independently of the order of arrival. FRR's
            default is V(false) in profile traditional, V(true) in datacenter."}
          fast_external_failover: {type: bool, description: "End a session at once when its link goes down. FRR's
            default is V(true)."}
          suppress_duplicates: {type: bool, description: "Send no update that repeats the last one. FRR's default is
            V(true)."}
          graceful_shutdown: {type: bool, description: "Announce all routes with the community GRACEFUL_SHUTDOWN (RFC
            8326): drains the node."}
          shutdown: {type: bool, description: "Keep all sessions down."}
          conditional_advertisement_interval_s: {type: int, description: "How often conditional advertisement looks at
            its condition, in seconds, 5 to 240. FRR's default is 60."}
          bestpath:
            type: dict
            description: How the best path is chosen.
            suboptions:
              as_path_multipath_relax: {type: bool, description: "Use equally long paths over different ASes together.
                Needed with routers of different ASes."}
              as_path_ignore: {type: bool, description: "Do not look at the length of the AS path."}
              compare_router_id: {type: bool, description: "Prefer the lower router id among external paths."}
              med_missing_as_worst: {type: bool, description: "Treat a missing MED as the worst."}
          graceful_restart:
            type: dict
            description: >-
              Graceful restart (RFC 4724). FRR warns that a change takes effect when sessions are next established.
            suboptions:
              mode: {type: str, choices: [enabled, disabled, helper_only], description: "V(helper_only) is FRR's
                default."}
              restart_time_s: {type: int, description: "How long neighbors wait for this node, in seconds. FRR's
                default is 120."}
              stale_path_time_s: {type: int, description: "How long stale routes are kept, in seconds. FRR's default is
                360."}
              preserve_forwarding_state: {type: bool, description: "Tell neighbors that forwarding goes on meanwhile."}
          timers:
            type: dict
            description: >-
              Timers of all neighbors that have none of their own. FRR's default is 60 and 180 s in profile traditional,
              3 and 9 s in datacenter.
            suboptions:
              keepalive_s: {type: int, required: true, description: "The interval of keepalives in seconds."}
              hold_s: {type: int, required: true, description: "The hold time in seconds; 0 or at least 3."}
          listen:
            type: dict
            description: Dynamic neighbors.
            suboptions:
              limit: {type: int, description: "The largest number of dynamic neighbors. FRR's default is 100."}
              ranges:
                type: list
                elements: dict
                description: Ranges from which neighbors may connect.
                suboptions:
                  prefix: {type: str, required: true, description: "The range."}
                  peer_group: {type: str, required: true, description: "The peer group of such neighbors; it must have
                    a remote_as."}
          peer_groups:
            type: list
            elements: dict
            description: Peer groups.
            suboptions:
              name: {type: str, required: true, description: "The name."}
              remote_as: &neighbor_remote_as {type: str, description: "An AS number, V(internal) or V(external). Stands
                at the neighbor or at its group, not at both."}
              description: &neighbor_description {type: str, description: "A free text."}
              password: &neighbor_password {type: str, description: "The password of the session (RFC 2385). Needs a
                kernel with TCP-MD5; without spaces."}
              update_source: &neighbor_update_source {type: str, description: "The address or interface that the
                session comes from. Not for unnumbered neighbors."}
              ebgp_multihop: &neighbor_ebgp_multihop {type: int, description: "The largest distance of an external
                neighbor in hops, 1 to 255. Not for unnumbered neighbors."}
              ttl_security_hops: &neighbor_ttl_security_hops {type: int, description: "The largest distance in hops,
                enforced by TTL (RFC 5082), 1 to 254. Not together with ebgp_multihop."}
              local_as: &neighbor_local_as
                type: dict
                description: Another AS number towards this neighbor.
                suboptions:
                  asn: {type: int, required: true, description: "The AS number."}
                  no_prepend: {type: bool, description: "Do not put it into the path of received routes."}
                  replace_as: {type: bool, description: "Put it in the place of the real one in the path of sent
                    routes. Implies C(no_prepend), which FRR's grammar asks for."}
              timers: &neighbor_timers
                type: dict
                description: Timers. O(config.instances[].timers.keepalive_s) and C(hold_s) are given together.
                suboptions:
                  keepalive_s: {type: int, description: "The interval of keepalives in seconds."}
                  hold_s: {type: int, description: "The hold time in seconds; 0 or at least 3."}
                  connect_s: {type: int, description: "The interval of attempts to connect, in seconds."}
              advertisement_interval_s: &neighbor_advertisement_interval_s {type: int, description: "The smallest
                interval between updates, in seconds, 0 to 600."}
              passive: &neighbor_passive {type: bool, description: "Wait for the neighbor to connect."}
              shutdown: {type: bool, description: "Keep the sessions down."}
              bfd: &neighbor_bfd
                type: dict
                description: Watch the session with BFD (RFC 5882).
                suboptions:
                  enabled: {type: bool, description: "Whether to. V(true) when anything else is given here."}
                  profile: {type: str, description: "The BFD profile."}
                  check_control_plane_failure: {type: bool, description: "Tell a failure of the control plane from one
                    of forwarding."}
              capability_extended_nexthop: &neighbor_capability_extended_nexthop {type: bool, description: "IPv4 routes
                with IPv6 next hops (RFC 8950). Always on for unnumbered neighbors."}
              capability_dynamic: &neighbor_capability_dynamic {type: bool, description: "Announce the dynamic
                capability. On by default on FRR 10.3 in profile datacenter."}
              enforce_first_as: &neighbor_enforce_first_as {type: bool, description: "Refuse routes whose path does not
                begin with the neighbor's AS. FRR's default is V(false) in 8.4, V(true) in 10.3."}
              disable_connected_check: &neighbor_disable_connected_check {type: bool, description: "Let an external
                neighbor that is one hop away use a loopback address."}
              graceful_restart: &neighbor_graceful_restart {type: str, choices: [enabled, disabled, helper],
                description: "Graceful restart with this neighbor (RFC 4724). On FRR 8.4 a peer group's has no effect on
                its members, it must be said for each."}
              port: &neighbor_port {type: int, description: "The TCP port. FRR's default is 179."}
              solo: &neighbor_solo {type: bool, description: "Do not send a neighbor's own routes back to it. Not for
                members of a peer group; for a peer group only on FRR 10.3."}
              strict_capability_match: &neighbor_strict_capability_match {type: bool, description: "End the session
                when the capabilities differ."}
          neighbors:
            type: list
            elements: dict
            description: Neighbors.
            suboptions:
              neighbor: {type: str, required: true, description: "The address, or for an unnumbered neighbor the
                interface."}
              interface: {type: bool, description: "The neighbor is unnumbered (RFC 8950):
                O(config.instances[].neighbors[].neighbor) is an interface."}
              v6only: {type: bool, description: "Use the link-local address only, also where the interface has an IPv4
                /30 or /31."}
              peer_group: {type: str, description: "The peer group. Members of one group are all internal or all
                external."}
              remote_as: *neighbor_remote_as
              description: *neighbor_description
              password: *neighbor_password
              update_source: *neighbor_update_source
              ebgp_multihop: *neighbor_ebgp_multihop
              ttl_security_hops: *neighbor_ttl_security_hops
              local_as: *neighbor_local_as
              timers: *neighbor_timers
              advertisement_interval_s: *neighbor_advertisement_interval_s
              passive: *neighbor_passive
              shutdown: {type: bool, description: "Keep the session down."}
              bfd: *neighbor_bfd
              capability_extended_nexthop: *neighbor_capability_extended_nexthop
              capability_dynamic: *neighbor_capability_dynamic
              enforce_first_as: *neighbor_enforce_first_as
              disable_connected_check: *neighbor_disable_connected_check
              graceful_restart: *neighbor_graceful_restart
              port: *neighbor_port
              solo: *neighbor_solo
              strict_capability_match: *neighbor_strict_capability_match
          address_families:
            type: list
            elements: dict
            description: Address families.
            suboptions:
              afi: {type: str, required: true, choices: [ipv4, ipv6, l2vpn], description: "The address family."}
              safi: {type: str, required: true, choices: [unicast, evpn], description: "The subsequent address family:
                V(evpn) for V(l2vpn), V(unicast) for the others."}
              networks:
                type: list
                elements: dict
                description: Prefixes to announce.
                suboptions:
                  prefix: {type: str, required: true, description: "The prefix. Host bits are cleared."}
                  route_map: {type: str, description: "A route map."}
              aggregates:
                type: list
                elements: dict
                description: Aggregates.
                suboptions:
                  prefix: {type: str, required: true, description: "The prefix. Host bits are cleared."}
                  as_set: {type: bool, description: "Carry the ASes of the parts as a set."}
                  summary_only: {type: bool, description: "Do not announce the parts."}
                  route_map: {type: str, description: "A route map."}
              redistribute:
                type: list
                elements: dict
                description: Routes of other sources to announce.
                suboptions:
                  protocol: {type: str, required: true, description: "The source in FRR's words, for instance
                    V(connected), V(kernel), V(static), V(table-direct). FRR 8.4 does not have V(table-direct): use
                    V(kernel) with a route map there."}
                  table: {type: int, description: "The number of the table, for V(table-direct) and V(table)."}
                  metric: {type: int, description: "The metric (MED)."}
                  route_map: {type: str, description: "A route map."}
              maximum_paths:
                type: dict
                description: How many equal paths are used together.
                suboptions:
                  ebgp: {type: int, description: "External paths."}
                  ibgp: {type: int, description: "Internal paths."}
              import_vrf: {type: list, elements: str, description: "VRFs whose routes are imported. Each needs an
                instance."}
              advertise_all_vni: {type: bool, description: "Announce all VNIs of the node (EVPN). In one instance
                only."}
              advertise_svi_ip: {type: bool, description: "Announce the addresses of SVIs (EVPN)."}
              advertise_default_gw: {type: bool, description: "Announce the addresses of SVIs as default gateways
                (EVPN)."}
              dup_addr_detection:
                type: dict
                description: >-
                  What happens when a MAC or IP address moves too often (EVPN, RFC 7432). FRR's default is to warn after
                  5 moves in 180 s.
                suboptions:
                  enabled: {type: bool, description: "Whether to look."}
                  max_moves: {type: int, description: "Moves."}
                  time_s: {type: int, description: "The time in which they are counted, in seconds."}
                  freeze: {type: str, description: "Freeze such an address V(permanent), or for so many seconds (30 to
                    3600)."}
              advertise:
                type: list
                elements: dict
                description: Unicast routes of the VRF to announce as EVPN type 5 (RFC 9136).
                suboptions:
                  afi: {type: str, required: true, choices: [ipv4, ipv6], description: "The family."}
                  safi: {type: str, default: unicast, choices: [unicast], description: "Only V(unicast)."}
                  route_map: {type: str, description: "A route map."}
              route_targets:
                type: dict
                description: Route targets (EVPN).
                suboptions:
                  import: {type: list, elements: str, description: "Targets to import, such as V(65001:10). The
                    automatic one (ASN:VNI) is ignored by FRR while it stands alone."}
                  export: {type: list, elements: str, description: "Targets to export."}
              rd: {type: str, description: "The route distinguisher, such as V(10.0.0.1:10)."}
              flooding: {type: str, choices: [head_end_replication, disable], description: "How broadcast is sent
                (EVPN). FRR's default is V(head_end_replication)."}
              vnis:
                type: list
                elements: dict
                description: >-
                  Settings of single VNIs. They need O(config.instances[].address_families[].advertise_all_vni).
                suboptions:
                  vni: {type: int, required: true, description: "The VNI."}
                  rd: {type: str, description: "The route distinguisher, such as V(10.0.0.1:10)."}
                  route_targets:
                    type: dict
                    description: Route targets (EVPN).
                    suboptions:
                      import: {type: list, elements: str, description: "Targets to import, such as V(65001:10). The
                        automatic one (ASN:VNI) is ignored by FRR while it stands alone."}
                      export: {type: list, elements: str, description: "Targets to export."}
                  advertise_svi_ip: {type: bool, description: "Announce the addresses of SVIs (EVPN)."}
                  advertise_default_gw: {type: bool, description: "Announce the addresses of SVIs as default gateways
                    (EVPN)."}
              neighbors:
                type: list
                elements: dict
                description: >-
                  Neighbors and peer groups in this family. In V(l2vpn) only some options exist; the module refuses the
                  others, which FRR would silently apply to IPv4 unicast.
                suboptions:
                  neighbor: {type: str, required: true, description: "The neighbor or peer group."}
                  activate: {type: bool, description: "Exchange routes of this family. The default is that of the peer
                    group, else V(true) for IPv4 unicast unless default_ipv4_unicast is V(false)."}
                  route_map:
                    type: dict
                    description: Route maps.
                    suboptions:
                      "in": {type: str, description: "For what is received."}
                      out: {type: str, description: "For what is sent."}
                  prefix_list:
                    type: dict
                    description: Prefix lists.
                    suboptions:
                      "in": {type: str, description: "For what is received."}
                      out: {type: str, description: "For what is sent."}
                  filter_list:
                    type: dict
                    description: AS-path lists.
                    suboptions:
                      "in": {type: str, description: "For what is received."}
                      out: {type: str, description: "For what is sent."}
                  next_hop_self: {type: raw, description: "V(true), V(false), or V(all) to do it for reflected routes,
                    too (C(force) in FRR's output)."}
                  next_hop_unchanged: {type: bool, description: "Send routes with the next hop they have. FRR does so
                    by itself for V(l2vpn) and for clients of a route server."}
                  attribute_unchanged: {type: list, elements: str, choices: [as-path, next-hop, med], description:
                    "Attributes to send as they are. V(next-hop) is the same as next_hop_unchanged."}
                  send_community: {type: list, elements: str, choices: [standard, extended, large], description: "The
                    kinds of communities that are sent. FRR's default is all three; an empty list sends none."}
                  allowas_in: {type: str, description: "How often the own AS may stand in the path, 1 to 10, or
                    V(origin) when it may stand at its end only."}
                  addpath_tx: {type: str, choices: [all, bestpath_per_as], description: "Send more than the best path
                    (RFC 7911). V(bestpath_per_as) switches deterministic_med on."}
                  soft_reconfiguration_inbound: {type: bool, description: "Keep what was received, before policy."}
                  maximum_prefix:
                    type: dict
                    description: The largest number of prefixes.
                    suboptions:
                      limit: {type: int, required: true, description: "The number."}
                      threshold: {type: int, description: "Percentage at which there is a warning. FRR's default is
                        75."}
                      warning_only: {type: bool, description: "Only warn."}
                      restart_min: {type: int, description: "Try again after so many minutes."}
                  default_originate: {type: raw, description: "Send a default route. V(true), V(false), or a dictionary
                    with C(route_map)."}
                  advertise_map:
                    type: dict
                    description: Announce routes on a condition.
                    suboptions:
                      route_map: {type: str, required: true, description: "The routes."}
                      exist_map: {type: str, description: "Only while a route that this route map matches exists."}
                      non_exist_map: {type: str, description: "Only while no route that this route map matches exists."}
                  route_reflector_client: {type: bool, description: "The neighbor is a client of this route reflector
                    (RFC 4456)."}
                  route_server_client: {type: bool, description: "The neighbor is a client of this route server (RFC
                    7947)."}
                  as_override: {type: bool, description: "Put the own AS in the place of the neighbor's in the path."}
                  remove_private_as: {type: raw, description: "V(true), V(false), V(all), V(replace_as) or
                    V(all_replace_as)."}
                  unsuppress_map: {type: str, description: "Announce parts of an aggregate that this route map
                    matches."}
                  weight: {type: int, description: "The weight of routes from this neighbor."}
      forwarding:
        type: dict
        description:
          - Whether the kernel forwards, said by FRR, too. A family that is not given is left alone, in the kernel and
            in FRR's file.
          - V(false) switches it off and keeps C(no ip forwarding) or C(no ipv6 forwarding) in the file. A node that
            shall not forward needs that beside its sysctls, since FRR switches forwarding on where it is reloaded with
            a file that does not have the line. V(true) switches it on, and takes such a line out of the file.
          - With O(state=deleted), the line leaves the file and the kernel stays as it is. O(state=gathered) and
            O(state=parsed) leave it out, since FRR shows what the kernel has, whoever set it.
        suboptions:
          ipv4: {type: bool, description: "Whether IPv4 is forwarded."}
          ipv6: {type: bool, description: "Whether IPv6 is forwarded."}
      raw_lines: {type: list, elements: str, description: "Escape hatch, top-level lines and blocks as FRR writes them;
        checked by a dry run of vtysh, otherwise taken as they are."}
  state: {type: str, default: merged, choices: [merged, replaced, overridden, deleted, gathered, rendered, parsed],
    description: "What becomes of the node. V(merged) adds and changes only what is given. V(replaced) makes the listed
    objects exactly as given, and removes unlisted objects whose name begins with O(name_prefix). V(overridden) removes
    all other objects of the same kinds, too. V(deleted) removes the listed objects; without O(config), those whose
    name begins with O(name_prefix). V(gathered) only reads, V(rendered) only writes the lines as text into the result,
    V(parsed) only reads O(running_config)."}
  name_prefix: {type: str, default: fabric-, description: "Objects whose name begins with this belong to this module,
    listed or not."}
  running_config: {type: str, description: "The text to read, as C(show running-config) prints it. Needed for
    O(state=parsed), unused otherwise."}
  renew_protocol_route_maps:
    type: bool
    default: false
    description:
      - Give the lines of O(config.protocol_route_maps) that are there already once more.
      - For after a preferred source address has come back. When it goes, the kernel drops all routes that use it, and
        FRR keeps them as rejected until the route map is applied anew. Sessions stay as they are.
      - The module then reports a change, so only ask for it when the address was added in this run.
  save: {type: bool, default: true, description: "Write FRR's configuration file after a change."}
"""

EXAMPLES = r"""
- name: Announce the loopback to two routers over unnumbered links
  routed.fabric.frr_bgp:
    state: replaced
    config:
      prefix_lists:
        - name: fabric-own4
          afi: ipv4
          entries:
            - {sequence: 5, action: permit, prefix: 10.255.254.21/32}
      route_maps:
        - name: fabric-out
          entries:
            - {sequence: 10, action: permit, match: {ip_prefix_list: fabric-own4}}
      bfd_profiles:
        - {name: fabric-uplink, detect_multiplier: 3, transmit_interval_ms: 300, receive_interval_ms: 300}
      instances:
        - asn: 4200000021
          router_id: 10.255.254.21
          ebgp_requires_policy: true
          bestpath: {as_path_multipath_relax: true}
          peer_groups:
            - {name: TOR, remote_as: external, bfd: {profile: fabric-uplink}}
          neighbors:
            - {neighbor: enp196s0f0np0, interface: true, peer_group: TOR}
            - {neighbor: enp196s0f1np1, interface: true, peer_group: TOR}
          address_families:
            - afi: ipv4
              safi: unicast
              networks: [{prefix: 10.255.254.21/32}]
              neighbors:
                - {neighbor: TOR, route_map: {out: fabric-out}}

- name: A VTEP with two route reflectors
  routed.fabric.frr_bgp:
    state: replaced
    config:
      instances:
        - asn: 65127
          router_id: 10.0.1.1
          default_ipv4_unicast: false
          peer_groups:
            - {name: central, remote_as: 65127, update_source: lo}
          neighbors:
            - {neighbor: 10.0.1.129, peer_group: central}
            - {neighbor: 10.0.3.129, peer_group: central}
          address_families:
            - afi: l2vpn
              safi: evpn
              advertise_all_vni: true
              neighbors: [{neighbor: central, activate: true}]

- name: Drain the node
  routed.fabric.frr_bgp:
    state: merged
    config:
      instances:
        - {asn: 4200000021, graceful_shutdown: true}

- name: Read the configuration as data
  routed.fabric.frr_bgp:
    state: gathered
  register: frr
"""

RETURN = r"""
before:
  description: What this module owned before, as O(config). Passwords are masked.
  type: dict
  returned: when the state changes the node
after:
  description: What this module owns afterwards, as O(config). Passwords are masked.
  type: dict
  returned: when the state changes the node
commands:
  description: The lines that were given to FRR or, in check mode, would be.
  type: list
  elements: str
  returned: when the state changes the node
  sample: ["router bgp 4200000021", " bgp graceful-shutdown", "exit"]
saved:
  description: Whether FRR's configuration file was written or, in check mode, would be.
  type: bool
  returned: when the state changes the node
gathered:
  description: The configuration of the node, as O(config). Passwords are masked.
  type: dict
  returned: for O(state=gathered)
rendered:
  description: The lines of O(config) as FRR 10.3 prints them. Passwords are masked.
  type: str
  returned: for O(state=rendered)
parsed:
  description: What O(running_config) says, as O(config). Passwords are masked.
  type: dict
  returned: for O(state=parsed)
"""

from ansible_collections.routed.fabric.plugins.module_utils._frr._module import run_module


def main() -> None:
    run_module()


if __name__ == "__main__":
    main()
