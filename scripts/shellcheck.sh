#!/bin/bash
# Every shell file that is tracked or about to be.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.sh' '.ci/run')
exec shellcheck "${files[@]}"
