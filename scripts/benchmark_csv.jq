# Medians of a tilewise_bench JSON file, a row for each operation, shape, number of threads and library.
def median: map(values) | sort
  | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
.context as $context
| ["operation", "shape", "threads", "library", "seconds", "GFLOP/s", "of_peak", "GB/s",
   "of_triad", "flops", "bytes", "peak_GFLOP/s", "triad_GB/s", "workspace", "version", "cpu", "instruction_set",
   "compiler"],
  (.benchmarks | to_entries
   | map(select(.value.run_type == "iteration" and (.value.error_occurred | not)))
   | group_by(.value.name) | sort_by(.[0].key)[] | map(.value)  # in the order they were run
   | (.[0].name / "/threads:") as [$name, $threads]
   | ($name | split("/")) as $parts
   | [$parts[0], ($parts[2:] | join("/")), ($threads | tonumber), $parts[1],
      (map(.real_time) | median) / {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1}[.[0].time_unit],
      (map(."GFLOP/s") | median), (map(.of_peak) | median), (map(."GB/s") | median),
      (map(.of_triad) | median), .[0].flops, .[0].bytes, (map(."peak_GFLOP/s") | median),
      (map(."triad_GB/s") | median), .[0].workspace, $context[$parts[1] + "_version"], $context.cpu,
      $context.instruction_set, $context.compiler])
| @csv
