#!/usr/bin/env bash
# Builds .venv and .collections from the hash-locked requirements.  Usage: tools/setup.sh run|dev
# "run" is what the playbooks need, "dev" adds the gates. Does nothing when the locks have not changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

level=${1:-run}
case $level in run | dev) ;; *) echo "tools/setup.sh: unknown level '$level'; give 'run' or 'dev'" >&2; exit 2 ;; esac

venv=.venv
collections=.collections/ansible_collections
stamps=.cache/setup

fail() { echo "setup: $1" >&2; exit 1; }

# The interpreter is part of the key: a venv of a removed Python is no use.
key() { { readlink -f "$venv/bin/python" || echo none; cat requirements/bootstrap.lock "requirements/$1.lock"; } | sha256sum | cut -d ' ' -f 1; }
collections_key() { cat requirements/collections.lock tools/fetch_collections.py | sha256sum | cut -d ' ' -f 1; }
current() { [[ -f $stamps/$1 && $(<"$stamps/$1") == "$2" ]]; }
works() { [[ -x $venv/bin/python && -x $venv/bin/uv && -x $venv/bin/ansible-playbook ]] && "$venv/bin/python" -c '' 2>/dev/null; }

find_python() {
  local candidate found=""
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$candidate"; return; }
    found+=" $candidate=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo broken)"
  done
  fail "needs Python 3.11 or newer, found:${found:- none}. Install one (Debian/Ubuntu: apt install python3.11 python3.11-venv) or name one: make setup PYTHON=/path/to/python3.11"
}

build_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python cannot make virtual environments. Install the module (Debian/Ubuntu: apt install python3-venv) and run this again"
  works || { echo "setup: making $venv with $("$python" --version)"; rm -rf "$venv" "$stamps"; "$python" -m venv "$venv"; }
  "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/bootstrap.lock ||
    fail "pip could not install uv. Is a Python package index reachable? (PIP_INDEX_URL and PIP_FIND_LINKS are honoured)"
  VIRTUAL_ENV=$PWD/$venv "$venv/bin/uv" pip sync --quiet --require-hashes "requirements/$level.lock" ||
    fail "uv could not install requirements/$level.lock. uv does not read pip's configuration files: give an index as PIP_INDEX_URL or UV_DEFAULT_INDEX"
}

mkdir -p .cache
# Two calls at once (make -j, two terminals) must not build into the same folder.
exec 9>.cache/setup.lock
flock 9 2>/dev/null || true

# The dev environment contains the run environment.
if ! works || ! { current dev "$(key dev)" || { [[ $level == run ]] && current run "$(key run)"; }; }; then
  start=$SECONDS
  build_venv
  mkdir -p "$stamps"
  rm -f "$stamps/run" "$stamps/dev"
  key "$level" >"$stamps/$level"
  echo "setup: $venv ($level) ready after $((SECONDS - start)) s"
fi

if [[ ! -d $collections/community/general ]] || ! current collections "$(collections_key)"; then
  start=$SECONDS
  "$venv/bin/python" tools/fetch_collections.py --lock requirements/collections.lock --into "$collections" --cache .cache/wheels ||
    fail "the collections could not be fetched"
  mkdir -p "$stamps"
  collections_key >"$stamps/collections"
  echo "setup: $collections ready after $((SECONDS - start)) s"
fi

# So that inferhost.llm.* resolves to this clone.
link=$collections/inferhost/llm
[[ $(readlink -f "$link") == "$PWD" ]] || { mkdir -p "${link%/*}"; rm -rf "$link"; ln -s ../../.. "$link"; }
