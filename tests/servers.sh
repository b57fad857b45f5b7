#!/usr/bin/env bash
# Installs what the tests and the benchmarks run and no wheel brings, where the rights are there.
# What stays missing is named together with the tests that will be skipped; that is no failure.
set -euo pipefail

APT_TIMEOUT_S=240 # a slow mirror must not hold the suite up for longer

# command | package | what is skipped without it
WANTED=(
  "redis-server|redis-server|tests marked redis: ledger, limits and cache in Redis"
  "chromium|chromium|tests marked browser: the dashboard seen in headless Chromium"
  "nginx|nginx-light|benchmarks: the direct upstream and the reverse proxy we compare with"
  "wrk|wrk|benchmarks: the load generator"
)

# sbin is not on everybody's PATH, and that is where nginx lives.
PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing_packages() {
  local entry command package _
  for entry in "${WANTED[@]}"; do
    IFS='|' read -r command package _ <<<"$entry"
    command -v "$command" >/dev/null 2>&1 || echo "$package"
  done
}

report_missing() {
  local reason="$1" entry command package skipped
  for entry in "${WANTED[@]}"; do
    IFS='|' read -r command package skipped <<<"$entry"
    command -v "$command" >/dev/null 2>&1 || echo "servers: no $command ($reason); skipped: $skipped"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

has_rights() {
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; }
}

# The package manager starts what it installs; a policy of 101 tells it not to.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d made_policy=""
  if ! as_root test -e "$policy"; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made_policy=yes
  fi
  local status=0
  as_root env DEBIAN_FRONTEND=noninteractive timeout "$APT_TIMEOUT_S" sh -c '
    apt-get -qq -o DPkg::Lock::Timeout=60 update &&
    apt-get -qq -y -o DPkg::Lock::Timeout=60 install --no-install-recommends "$@"
  ' apt "$@" >/dev/null 2>&1 || status=$?
  [ -z "$made_policy" ] || as_root rm -f "$policy"
  return "$status"
}

main() {
  local packages
  mapfile -t packages < <(missing_packages)
  [ "${#packages[@]}" -gt 0 ] || return 0

  if ! command -v apt-get >/dev/null 2>&1; then
    report_missing "this system has no apt-get"
  elif ! has_rights; then
    report_missing "neither root nor passwordless sudo"
  else
    echo "servers: installing ${packages[*]}"
    local reason="not installed"
    install_quietly "${packages[@]}" || reason="apt-get failed or took over ${APT_TIMEOUT_S} s"
    report_missing "$reason"
  fi
}

main
