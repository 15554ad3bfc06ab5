# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ceph.conf of three nodes while the monitors move: at every moment, whoever begins on whichever node finds one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._ceph import _wanted
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._run import Network

OLD, NEW = "2001:db8:1::", "2001:db8:2::"
NODES = ("c1", "c2", "c3")


class World:
    """Three nodes with a monitor and an OSD each, and what `ceph`, `ip` and `systemctl` say on them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.monitors = {name: f"{OLD}{name[1]}" for name in NODES}
        self.osds = dict(self.monitors)
        self.flags: list[str] = []
        self.up = 3
        self.epoch = 1
        self.found: list[tuple[str, str]] = []
        """Whenever something was done: nodes whose file names no monitor that is there."""
        for name in NODES:
            for daemon in (f"mon/ceph-{name}", f"osd/ceph-{name[1]}"):
                (place / name / "var/lib/ceph" / daemon / "x").mkdir(parents=True)
            text = f"[global]\nfsid = x\npublic_network = {OLD}/64\nms_bind_ipv4 = false\nms_bind_ipv6 = true\n"
            self.file(name).write_text(f"{text}mon_host = {OLD}1,{OLD}2,{OLD}3\n", encoding="utf-8")

    def file(self, node: str) -> Path:
        return self.place / node / "ceph.conf"

    def hosts(self, node: str) -> list[str]:
        text = Conf(self.file(node).read_text(encoding="utf-8")).get("global", "mon_host") or ""
        return [str(a) for a in _wanted.host_addresses(text, "mon_host")]

    def look(self, after: str) -> None:
        self.found += [(after, node) for node in NODES if not set(self.hosts(node)) & set(self.monitors.values())]

    def osd(self, node: str) -> dict[str, Any]:
        addresses = {"addrvec": [{"addr": f"[{self.osds[node]}]:6800"}]}
        return {"osd": int(node[1]), "up": 1, "up_from": self.epoch, "public_addrs": addresses}

    def ceph(self, words: list[str]) -> str:
        if words[:2] == ["mon", "set-addrs"]:
            self.monitors[words[2]] = words[3].split("[")[2].split("]")[0]
            self.look(" ".join(words[:3]))
        if words[:2] in (["osd", "set"], ["osd", "unset"]):
            self.flags = [words[2]] if words[1] == "set" else []
        vectors = {
            name: [{"type": kind, "addr": f"[{a}]:{port}"} for kind, port in (("v2", 3300), ("v1", 6789))]
            for name, a in self.monitors.items()
        }
        answers: dict[str, Any] = {
            "mon dump": {"mons": [{"name": n, "public_addrs": {"addrvec": v}} for n, v in vectors.items()]},
            "status": {
                "health": {"status": "HEALTH_OK", "checks": {}},
                "quorum_names": list(NODES),
                "osdmap": {"num_osds": 3, "num_up_osds": self.up, "num_in_osds": 3},
                "pgmap": {"num_pgs": 1, "pgs_by_state": [{"state_name": "active+clean", "count": 1}]},
                "mgrmap": {"available": True},
            },
            "osd dump": {"flags_set": self.flags, "osds": [self.osd(name) for name in NODES]},
            "config dump": [],
            "daemon": {"state": "peon"},
        }
        return json.dumps(answers.get(" ".join(words[:2]), answers.get(words[0], "")))

    def run(self, node: str, argv: list[str]) -> tuple[int, str, str]:
        if argv[0] == "ceph":
            words = [w for w in argv[1:] if not w.startswith("--")]
            words = words[words.index("10") + 1 :] if "10" in words else words[1:]
            return 0, self.ceph(words[2:] if argv.count("-m") else words), ""
        if argv[0] == "systemctl" and argv[1] == "restart" and "osd" in argv[2]:
            network = Conf(self.file(node).read_text(encoding="utf-8")).get("global", "public_network") or ""
            self.osds[node] = network.replace("/64", node[1])
            self.epoch += 1
        if argv[0] == "systemctl":
            self.look(" ".join(argv))
            return 0, "active", ""
        if "address" in argv:
            local = [{"local": f"{prefix}{node[1]}"} for prefix in (OLD, NEW)]
            return 0, json.dumps([{"ifname": "lo", "mtu": 65536, "flags": ["UP"], "addr_info": local}]), ""
        routes = [{"dst": f"{prefix}/64", "dev": "lo"} for prefix in (OLD, NEW)] if "-6" in argv else []
        return 0, json.dumps(routes), ""

    def call(self, node: str, readdress: str, *, check: bool = False, prefix: str = NEW) -> dict[str, Any]:
        module = type("Module", (), {})()
        module.check_mode, module.tmpdir = check, str(self.place)
        module.warn = pytest.fail
        module.run_command = lambda argv, **dummy: self.run(node, argv)
        module.atomic_move = lambda source, target: Path(source).replace(target)
        module.params = {
            "path": str(self.file(node)),
            "state": "present",
            "readdress": readdress,
            "deadline_s": 1,
            "mtu": None,
            "public_network": [f"{prefix}/64"],
            "ms_bind_ipv4": False,
            "ms_bind_ipv6": True,
            "sections": [],
            "mon_host": [f"{prefix}{name[1]}" for name in NODES],
            "monitors": [{"name": name, "address": f"{prefix}{name[1]}"} for name in NODES],
            "monitor": node,
        }
        result = Network(module, str(self.place / node)).run()
        self.look(f"{readdress} on {node}")
        return result


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def former(*numbers: int) -> list[str]:
    return [f"{OLD}{n}" for n in numbers]


def test_everybody_finds_a_monitor_all_the_way(world: World) -> None:
    """As the role does it."""
    for node in NODES:
        done = world.call(node, "prepare")
        assert done["changed"] and done["commands"] == [f"write {world.file(node)}"]
        assert done["after"]["global"]["public_network"] == f"{OLD}/64", "nothing but mon_host"
        assert sorted(world.hosts(node)) == sorted(f"{p}{n}" for p in (OLD, NEW) for n in (1, 2, 3))
    assert set(world.osds.values()) == {f"{OLD}1", f"{OLD}2", f"{OLD}3"}
    for node in NODES:
        assert world.call(node, "rolling")["changed"]
    assert set(world.monitors.values()) == set(world.osds.values()) == {f"{NEW}1", f"{NEW}2", f"{NEW}3"}
    for node in NODES:
        world.call(node, "rolling")
        assert world.hosts(node) == [f"{NEW}1", f"{NEW}2", f"{NEW}3"]
    assert world.found == []
    for node in NODES:
        for mode in ("prepare", "rolling", "refuse"):
            assert not world.call(node, mode)["changed"]


def test_without_the_preparation_the_last_node_finds_nobody(world: World) -> None:
    """What the preparation is for; it can be told from this test that the one above looks."""
    for node in NODES:
        world.call(node, "rolling")
    assert ("mon set-addrs c3", "c3") in world.found


def test_rolling_keeps_the_addresses_of_monitors_that_have_to_move_yet(world: World) -> None:
    for node, left in (("c1", (1, 2, 3)), ("c2", (2, 3)), ("c3", (3,))):
        world.call(node, "rolling")
        assert world.hosts(node) == [f"{NEW}1", f"{NEW}2", f"{NEW}3", *former(*left)]


def test_check_mode_prepares_nothing(world: World) -> None:
    before = world.file("c1").read_text(encoding="utf-8")
    told = world.call("c1", "prepare", check=True)
    assert told["changed"] and told["commands"] == [f"write {world.file('c1')}"]
    assert world.file("c1").read_text(encoding="utf-8") == before
    assert "ceph mon set-addrs" in " ".join(world.call("c1", "rolling", check=True)["commands"])


def test_nothing_is_prepared_where_nothing_moves(world: World) -> None:
    assert not world.call("c1", "prepare", prefix=OLD)["changed"]


def test_nothing_is_prepared_where_the_change_could_not_begin(world: World) -> None:
    before = world.file("c1").read_text(encoding="utf-8")
    world.up = 2
    with pytest.raises(CephError) as caught:
        world.call("c1", "prepare")
    assert str(caught.value) == (
        "the cluster is in no state to restart daemons: 2 of 3 OSDs are up; nothing was changed"
    )
    world.up, world.flags = 3, ["noout"]
    with pytest.raises(CephError, match="noout is set: somebody works on the cluster"):
        world.call("c1", "prepare")
    assert world.file("c1").read_text(encoding="utf-8") == before


def test_given_up_after_the_preparation(world: World) -> None:
    """The former plan again, without rolling: the file is as it was."""
    before = world.file("c1").read_text(encoding="utf-8")
    world.call("c1", "prepare")
    done = world.call("c1", "refuse", prefix=OLD)
    assert done["changed"] and world.file("c1").read_text(encoding="utf-8") == before
