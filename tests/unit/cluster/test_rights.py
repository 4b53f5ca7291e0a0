"""A machine whose user may not do what a cluster needs is told so beforehand."""

from __future__ import annotations

import os
import subprocess
import sys

KINDS = ("mounts of its own", "overlay mounts", "network interfaces", "firewall rules")
WEAK = ("setpriv", "--bounding-set=-sys_admin,-net_admin", "--inh-caps=-sys_admin,-net_admin")


def test_who_may_not_is_told_what_is_refused():
    root = os.geteuid() == 0
    command = (*(WEAK if root else ()), sys.executable, "-m", "cluster", "doctor")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    for said in [f"no {kind}: " for kind in KINDS] if root else ["a cluster needs root"]:
        assert said in done.stderr
