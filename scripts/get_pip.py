"""Stands where ansible-test looks for get-pip: bundled pip first, then the pip that is asked for, from the package index."""

import ensurepip
import os
import subprocess
import sys

SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def main() -> int:
    flags = {"--no-setuptools", "--no-wheel"}
    wanted = [argument for argument in sys.argv[1:] if argument not in flags] or ["pip==24.2"]
    if os.path.exists(SYSTEM_CERTIFICATES):  # noqa: PTH110 - runs before anything else can be imported
        # ansible-test strips PIP_* from the environment, certificates included
        os.environ.setdefault("PIP_CERT", SYSTEM_CERTIFICATES)
    ensurepip.bootstrap()
    pip = [sys.executable, "-m", "pip"]
    status = subprocess.call([*pip, "install", "--quiet", *wanted])
    if status == 0 and "--no-setuptools" in sys.argv:
        subprocess.call([*pip, "uninstall", "--quiet", "--yes", "setuptools"])
    return status


if __name__ == "__main__":
    sys.exit(main())
