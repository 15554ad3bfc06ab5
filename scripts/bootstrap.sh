#!/bin/bash
# Makes ready what the Makefile's targets need, and does nothing where it is there already.
#   bootstrap.sh check   the Python environment and the collection's link (no root)
#   bootstrap.sh live    the above, and the system packages for twins and live tests (root on Debian or Ubuntu)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}
say() { printf '  %s\n' "$*"; }

missing_packages() { # name the packages whose command is not there
  local pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || [ -e "${pair%%=*}" ] || printf '%s ' "${pair##*=}"
  done
}

install_packages() {
  local wanted
  wanted=$(missing_packages "$@")
  [ -z "$wanted" ] && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing with apt: $wanted"
    # shellcheck disable=SC2086  # a list of package names
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted; } >build/apt.log 2>&1; then
      tail -n 20 build/apt.log >&2
      echo "apt could not install: $wanted" >&2
      exit 1
    fi
  else
    echo "These packages are missing, and only root on Debian or Ubuntu gets them installed here: $wanted" >&2
    exit 1
  fi
}

mkdir -p build "$cache"
python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages ensurepip=python3-venv
install_packages git=git rsync=rsync shellcheck=shellcheck

python3 - <<'PY' || exit 1
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"python3 is {sys.version.split()[0]}; the pinned tools want 3.11, 3.12 or 3.13 first in PATH")
PY
want=$(python3 -V; cat requirements-dev.lock)
if [ "$(cat "$cache/venv/.made-from" 2>/dev/null)" != "$want" ]; then
  say "making the Python environment (once; about half a minute)"
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install -q --disable-pip-version-check uv 2>build/pip.log || { cat build/pip.log >&2; exit 1; }
  "$cache/venv/bin/uv" pip install -q --compile-bytecode --python "$cache/venv/bin/python" -r requirements-dev.lock
  printf '%s\n' "$want" >"$cache/venv/.made-from"
fi

# Ansible finds a collection by its place: ansible_collections/NAMESPACE/NAME.
mkdir -p build/collections/ansible_collections/routed
ln -sfn ../../../.. build/collections/ansible_collections/routed/fabric

# ansible-test wants to fetch get-pip from the internet; this one needs no more than the package index.
mkdir -p "$HOME/.ansible/test/cache"
standin=$HOME/.ansible/test/cache/get_pip_24_2.py
if [ ! -e "$standin" ] || grep -q 'Stands where ansible-test looks' "$standin"; then cp scripts/get_pip.py "$standin"; fi

[ "${1:-check}" = live ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "Twins and live tests need root: they make network namespaces and containers." >&2
  exit 1
fi
install_packages podman=podman crun=crun mmdebstrap=mmdebstrap nft=nftables ip=iproute2 mke2fs=e2fsprogs xz=xz-utils \
  qemu-system-x86_64=qemu-system-x86 \
  /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
