"""Stands where ansible-test looks for get-pip: bundled pip first, then the pip asked for, from the package index."""

import ensurepip
import os
import subprocess
import sys


def main() -> int:
    flags = {"--no-setuptools", "--no-wheel"}
    wanted = [argument for argument in sys.argv[1:] if argument not in flags] or ["pip==24.2"]
    environment = dict(os.environ)
    ensurepip.bootstrap()  # it turns pip's own configuration off in this process' environment, certificates included
    pip = [sys.executable, "-m", "pip"]
    status = subprocess.call([*pip, "install", "--quiet", *wanted], env=environment)
    if status == 0 and "--no-setuptools" in sys.argv:
        subprocess.call([*pip, "uninstall", "--quiet", "--yes", "setuptools"], env=environment)
    return status


if __name__ == "__main__":
    sys.exit(main())
