# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In the place of bcrypt for the managers of Ceph 18.2 on Debian 13.

They run each of their modules in a subinterpreter of Python 3.13, where bcrypt, which is written in Rust, refuses to be
imported ("PyO3 modules do not yet support subinterpreters"). All of Ceph's own modules import it by way of mgr_util, so
balancer, crash, devicehealth, pg_autoscaler and status fail, and the cluster is in HEALTH_ERR for ever. Only the
dashboard, which does not work there either, calls these functions.
"""


def hashpw(*dummy):
    raise NotImplementedError("bcrypt does not work in subinterpreters")


gensalt = checkpw = hashpw
