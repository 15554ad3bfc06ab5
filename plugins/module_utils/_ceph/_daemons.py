# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""The daemons of a small cluster from the distribution's packages: made once, and left alone when they are there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.routed.fabric.plugins.module_utils._ceph._cluster import Cluster, Member, daemons, last_line
from ansible_collections.routed.fabric.plugins.module_utils._ceph._conf import Conf
from ansible_collections.routed.fabric.plugins.module_utils._ceph._errors import CephError
from ansible_collections.routed.fabric.plugins.module_utils._ceph._file import File
from ansible_collections.routed.fabric.plugins.module_utils._ceph._wanted import OWNED, address, option_value, vector

CONF = "/etc/ceph/ceph.conf"
ADMIN = "/etc/ceph/ceph.client.admin.keyring"
MON_KEYS = "/var/lib/ceph/tmp/routed-fabric.mon.keyring"
BOOTSTRAP_OSD = "/var/lib/ceph/bootstrap-osd/ceph.keyring"
ADMIN_CAPS = ("mon", "mds", "osd", "mgr")
CEPH_UID = CEPH_GID = 64045  # Debian's fixed numbers of user and group ceph


class Daemons:
    """One stage of one node. Everything is asked first; `commands` is what was done, or would be in check mode."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._params: dict[str, Any] = module.params
        self._name: str = self._params["name"]
        self._file = File(module, CONF)
        self._cluster = Cluster(self._try, CONF)
        self.commands: list[str] = []

    def run(self) -> dict[str, Any]:
        stage = self._params["stage"]
        diff: dict[str, str] = {}
        if stage == "prepare":
            diff = self._prepare()
        elif stage == "monitor" and self._params["monitor"]:
            self._monitor()
        elif stage == "daemons":
            self._wait_for_quorum()
            if self._params["manager"]:
                self._manager()
            for osd in self._params["osds"]:
                self._osd(osd)
        there = daemons()
        result: dict[str, Any] = {
            "changed": bool(self.commands),
            "commands": self.commands,
            "daemons": there,
            "has_keys": Path(ADMIN).exists(),
            "monitor": f"mon.{self._name}" in there,
        }
        if diff:
            result["diff"] = diff
        return result

    # prepare

    def _prepare(self) -> dict[str, str]:
        text = self._file.read()
        before, after = Conf(text or "", CONF), Conf(text or "", CONF)
        there = before.get("global", "fsid")
        if there and there.lower() != self._params["fsid"]:
            raise CephError(
                f"fsid: {CONF} belongs to the cluster {there}, not to {self._params['fsid']}; "
                f"write 'fsid: {there}' into the plan if that is the cluster"
            )
        after.set("global", "fsid", there or self._params["fsid"])
        for section, options in self._params["options"].items():
            for key, value in options.items():
                if key in OWNED:
                    raise CephError(f"options.{section}.{key}: this belongs to module ceph_network; give it there")
                after.set(section, key, option_value(value))
        if before.text != after.text:
            self._do(f"write {CONF}", lambda: self._file.write(after.text))
        if self._params["seed"] and not Path(ADMIN).exists() and not daemons():
            self._do("make the cluster's keys", self._make_keys)
        return {"before_header": CONF, "after_header": CONF, "before": before.masked, "after": after.masked}

    def _make_keys(self) -> None:
        caps = [word for kind in ADMIN_CAPS for word in ("--cap", kind, "allow *")]
        Path(MON_KEYS).parent.mkdir(parents=True, exist_ok=True)
        with self._private():
            self._run(
                ["ceph-authtool", "--create-keyring", MON_KEYS, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"]
            )
            self._run(["ceph-authtool", "--create-keyring", ADMIN, "--gen-key", "-n", "client.admin", *caps])
            self._run(["ceph-authtool", MON_KEYS, "--import-keyring", ADMIN])

    # monitor

    def _monitor(self) -> None:
        unit = f"ceph-mon@{self._name}"
        if f"mon.{self._name}" not in daemons():
            self._do(f"ceph-mon --mkfs -i {self._name}", self._make_monitor)
        self._enable(unit)

    def _make_monitor(self) -> None:
        place = Path(f"/var/lib/ceph/mon/ceph-{self._name}")
        work = Path("/var/lib/ceph/tmp", f"routed-fabric.{os.getpid()}")
        monmap, keys = work / "monmap", work / "keyring"
        try:
            self._own_directory(work)
            members = self._monmap()
            with self._private():
                if members:
                    self._cluster.ask("mon", "getmap", "-o", str(monmap))
                    self._cluster.ask("auth", "get", "mon.", "-o", str(keys))
                else:
                    self._first_monmap(monmap)
                    shutil.copyfile(MON_KEYS, keys)
            for path in (monmap, keys):
                os.chown(path, CEPH_UID, CEPH_GID)
            self._own_directory(place)
            make = ["ceph-mon", "--mkfs", "-i", self._name, "--monmap", str(monmap), "--keyring", str(keys)]
            self._run(["runuser", "-u", "ceph", "--", *make])
        except (CephError, OSError) as exc:
            shutil.rmtree(place, ignore_errors=True)
            raise CephError(f"monitor {self._name} was not made: {exc}") from exc
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _first_monmap(self, path: Path) -> None:
        if not Path(MON_KEYS).exists():
            raise CephError(
                f"there is no {MON_KEYS}; stage prepare with seed makes it on one node, and it is copied from there"
            )
        command = ["monmaptool", "--create", "--clobber", "--fsid", self._params["fsid"], "--enable-all-features"]
        for number, monitor in enumerate(self._params["monitors"]):
            value = address(monitor["address"], f"monitors[{number}].address")
            command += ["--addv", monitor["name"], vector(value)]
        self._run([*command, str(path)])

    def _monmap(self) -> list[Member]:
        """Of a cluster that runs; empty where none answers, as when it is made."""
        if not Path(ADMIN).exists() or Path(MON_KEYS).exists():
            return []
        with contextlib.suppress(CephError, ValueError):
            return self._cluster.monmap()
        return []

    # the others

    def _wait_for_quorum(self) -> None:
        """In check mode on a node without a cluster there is nothing to wait for."""
        if self._module.check_mode:
            return
        monitors = len(self._params["monitors"])

        def missing() -> Sequence[str]:
            found = len(self._cluster.health().quorum)
            return [] if found >= monitors else [f"{found} of {monitors} monitors are in quorum"]

        self._cluster.wait(missing, self._params["deadline_s"], "the first quorum")
        Path(MON_KEYS).unlink(missing_ok=True)

    def _manager(self) -> None:
        if f"mgr.{self._name}" not in daemons():
            self._do(f"make mgr.{self._name}", self._make_manager)
        self._enable(f"ceph-mgr@{self._name}")

    def _make_manager(self) -> None:
        place = Path(f"/var/lib/ceph/mgr/ceph-{self._name}")
        self._own_directory(place)
        caps = ["mon", "allow profile mgr", "osd", "allow *", "mds", "allow *"]
        with self._private():
            self._cluster.ask("auth", "get-or-create", f"mgr.{self._name}", *caps, "-o", str(place / "keyring"))
        os.chown(place / "keyring", CEPH_UID, CEPH_GID)

    def _osd(self, osd: Mapping[str, Any]) -> None:
        if osd.get("device"):
            self._device_osd(osd["device"])
            return
        number = _osd_on(osd["file"])
        if number is None:
            self._do(f"make an OSD on {osd['file']}", lambda: self._make_file_osd(osd["file"], int(osd["size_gib"])))
            number = _osd_on(osd["file"])
        if number is not None:
            self._enable(f"ceph-osd@{number}")

    def _make_file_osd(self, file: str, size_gib: int) -> None:
        """No LVM: the data directory's `block` is a link to a sparse file."""
        path, identifier, number = Path(file), str(uuid.uuid4()), ""
        if path.exists():
            raise CephError(f"osds: {file} exists, and no OSD of this node uses it; remove it, or name another file")
        place = Path("/nowhere")
        try:
            self._own_directory(path.parent)
            with path.open("wb") as handle:
                handle.truncate(size_gib << 30)
            os.chown(path, CEPH_UID, CEPH_GID)
            key = self._run(["ceph-authtool", "--gen-print-key"]).strip()
            secret = json.dumps({"cephx_secret": key})
            number = self._run(["ceph", "--conf", CONF, "osd", "new", identifier, "-i", "-"], secret).strip()
            place = Path(f"/var/lib/ceph/osd/ceph-{number}")
            self._own_directory(place)
            with self._private():
                (place / "keyring").write_text(f"[osd.{number}]\n\tkey = {key}\n", encoding="ascii")
            os.chown(place / "keyring", CEPH_UID, CEPH_GID)
            (place / "block").symlink_to(path)
            os.chown(place / "block", CEPH_UID, CEPH_GID, follow_symlinks=False)
            self._run(
                [
                    "ceph-osd",
                    "-i",
                    number,
                    "--mkfs",
                    "--osd-uuid",
                    identifier,
                    "--setuser",
                    "ceph",
                    "--setgroup",
                    "ceph",
                ]
            )
        except (CephError, OSError) as exc:
            shutil.rmtree(place, ignore_errors=True)
            path.unlink(missing_ok=True)
            if number:
                self._cluster.try_ask("osd", "purge-new", number, "--yes-i-really-mean-it")
            raise CephError(f"the OSD on {file} was not made: {exc}") from exc

    def _device_osd(self, device: str) -> None:
        rc, out, err = self._try(["ceph-volume", "lvm", "list", device, "--format", "json"])
        if rc == 0 and json.loads(out or "{}"):
            return  # ceph-volume's own units start it
        if rc not in (0, 1):
            raise CephError(f"`ceph-volume lvm list {device}` failed: {last_line(err or out)}")
        self._do(f"ceph-volume lvm create --data {device}", lambda: self._make_device_osd(device))

    def _make_device_osd(self, device: str) -> None:
        if not Path(BOOTSTRAP_OSD).exists():
            Path(BOOTSTRAP_OSD).parent.mkdir(parents=True, exist_ok=True)
            with self._private():
                self._cluster.ask("auth", "get", "client.bootstrap-osd", "-o", BOOTSTRAP_OSD)
        self._run(["ceph-volume", "lvm", "create", "--data", device])

    # with what it is done

    def _do(self, words: str, work: Any) -> None:
        self.commands.append(words)
        if not self._module.check_mode:
            work()

    def _enable(self, unit: str) -> None:
        """Enabled and running; one that has failed is started again."""
        enabled = self._try(["systemctl", "is-enabled", unit])[1]
        active = self._try(["systemctl", "is-active", unit])[1]
        if enabled.strip() != "enabled" or active.strip() not in ("active", "activating"):
            target = f"{unit.partition('@')[0]}.target"
            words = ["systemctl", "enable", "--now", unit, target, "ceph.target"]
            self._do(" ".join(words), lambda: self._run(words))

    def _own_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        os.chown(path, CEPH_UID, CEPH_GID)

    @contextlib.contextmanager
    def _private(self) -> Any:
        """Files with keys are made with the rights that they keep."""
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)

    def _try(self, argv: Sequence[str], data: str | None = None) -> tuple[int, str, str]:
        try:
            rc, out, err = self._module.run_command(
                list(argv), data=data, environ_update={"LC_ALL": "C.UTF-8"}, handle_exceptions=False
            )
        except OSError as exc:
            return 127, "", f"{argv[0]}: {exc.strerror}"
        return rc, out, err

    def _run(self, argv: Sequence[str], data: str | None = None) -> str:
        rc, out, err = self._try(argv, data)
        if rc != 0:
            raise CephError(f"`{' '.join(argv)}` failed: {last_line(err or out)}")
        return out


def _osd_on(file: str) -> str | None:
    """The number of the OSD whose data are in a file."""
    for block in sorted(Path("/var/lib/ceph/osd").glob("ceph-*/block")):
        if block.is_symlink() and str(block.readlink()) == file:
            return block.parent.name[5:]
    return None
