#!/usr/bin/env bash
# Usage: threads_test.sh TILEWISE
#
# How many threads the program takes where affinity or a cgroup's quota leave few processors, and that more threads
# than processors do no harm. What cannot be tried here is said.

# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

processors=$(nproc)
skipped() { printf 'skipped: %s\n' "$*"; }

# --- Affinity ---------------------------------------------------------------------------------------
first=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)
if command -v taskset >/dev/null; then
  one_cpu=(taskset -c "$first")
  if ((processors > 1)); then
    expect 0 "| 1 thread (CPU affinity)" "${one_cpu[@]}" "$tilewise" info
  else
    skipped "affinity to fewer processors: there is one"
  fi
  expect 0 "| 3 threads (--threads)" "${one_cpu[@]}" "$tilewise" info --threads 3
else
  one_cpu=()
  skipped "affinity: there is no taskset"
fi

# --- A cgroup's quota -------------------------------------------------------------------------------

# in_group FOLDER COMMAND...: runs it there.
# shellcheck disable=SC2016
in_group() { bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"; }

# quota MICROSECONDS: of processor time in every 100 ms that the group gets. Version 1 has a file for each number.
quota() {
  if [[ -e $group/cpu.max ]]; then echo "$1 100000" >"$group/cpu.max"; else echo "$1" >"$group/cpu.cfs_quota_us"; fi
}

# Version 1 has a folder for the controller; of version 2 our own may pass it on, or the root.
group=''
for parent in /sys/fs/cgroup/cpu "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)" /sys/fs/cgroup; do
  group=${parent%/}/tilewise-test-$$
  mkdir "$group" "$group/inner" 2>/dev/null || { rmdir "$group" 2>/dev/null; group=''; continue; }
  { quota 100000 && in_group "$group/inner" true; } 2>/dev/null && break
  rmdir "$group/inner" "$group"
  group=''
done
if [[ -z $group ]]; then
  skipped "a cgroup's quota: no group can be made"
elif ((processors == 1)); then
  skipped "a cgroup's quota: there is one processor"
else
  for microseconds in 100000 50000 1000; do
    quota "$microseconds"
    expect 0 "| 1 thread (cgroup CPU quota)" in_group "$group" "$tilewise" info
  done
  expect 0 "| 1 thread (cgroup CPU quota)" in_group "$group/inner" "$tilewise" info
  expect 0 "| 4 threads (--threads)" in_group "$group" "$tilewise" info --threads 4
  OMP_NUM_THREADS=2 expect 0 "| 2 threads (OMP_NUM_THREADS)" in_group "$group" "$tilewise" info
  quota 110000  # a part of a processor counts as one
  expect 0 "| 2 threads (" in_group "$group" "$tilewise" info
  quota -1 2>/dev/null || echo max >"$group/cpu.max"
  expect 0 "| $processors threads (hardware)" in_group "$group" "$tilewise" info
fi
[[ -z $group ]] || rmdir "$group/inner" "$group"

# --- More threads than processors -------------------------------------------------------------------
options=(--data-dir data --epochs 5 --batch-size 16 --verbose 0)
expect 0 "" "$tilewise" train "${options[@]}" --threads 1 --output one
expect 0 "" "${one_cpu[@]}" "$tilewise" train "${options[@]}" --threads 16 --output sixteen
expect 0 "" "$tilewise" train "${options[@]}" --threads 200 --output many
cmp one/model.safetensors sixteen/model.safetensors || fail "16 threads on one processor: other bits"
cmp one/model.safetensors many/model.safetensors || fail "200 threads: other bits"
expect 2 "1025" "$tilewise" train "${options[@]}" --threads 1025 --output none

finish "threads"
