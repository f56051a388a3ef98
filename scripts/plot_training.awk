# Reads the training logs named as arguments, refuses what gnuplot would silently plot wrongly, and
# prints the variables that plot_training.gp wants.

function fail(what) {
  printf "%s, line %d: %s\n", FILENAME, FNR, what > "/dev/stderr"
  failed = 1
  exit 1
}
function number(name,   value) {
  value = $(column[name])
  if (value == "NA") return value
  if (tolower(value) ~ /^[-+]?(nan|inf|infinity)$/) return "NA"  # a diverged run
  if (value !~ /^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/)
    fail("\"" value "\" in the column " name ", expected a number or NA")
  return value + 0
}
function widen(range, value) {
  if (value == "NA") return
  if (value <= 0) {
    zero[range] = 1
    return
  }
  if (!((range, "min") in limit) || value < limit[range, "min"]) limit[range, "min"] = value
  if (!((range, "max") in limit) || value > limit[range, "max"]) limit[range, "max"] = value
}
function print_runs(variable, extra,   i, list) {
  for (i = 1; i <= file; ++i) if ((extra, i) in has) list = list " " i
  printf "%s = \"%s\"; ", variable, list
}
function print_range(range) {
  if (!((range, "min") in limit)) limit[range, "min"] = limit[range, "max"] = 0.1
  printf "%s_min = %.9g; %s_max = %.9g; ", range, limit[range, "min"], range, limit[range, "max"]
  printf "%s_zero = %d; ", range, zero[range]
}
BEGIN {
  FS = ","
  wanted = split("epoch accuracy loss val_accuracy val_loss", names, " ")
  split("learning_rate images_per_second", extras, " ")  # Keras's logs lack them
  for (i = 1; i < ARGC; ++i) rows[ARGV[i]] = 0
}
{ sub(/\r$/, "") }
FNR == 1 {
  ++file
  split("", column)
  columns = NF
  for (i = 1; i <= NF; ++i) column[$i] = i
  for (i = 1; i <= wanted; ++i)
    if (!(names[i] in column)) fail("no column " names[i] " in the header")
  next
}
/^$/ { next }
{
  if (NF != columns) fail(NF " fields, expected " columns)
  epoch = number("epoch")
  if (epoch < 1 || epoch != int(epoch))
    fail("\"" $(column["epoch"]) "\" is not an epoch, 1 or more")
  if (epoch > last) last = epoch
  for (i = 2; i <= wanted; ++i) {
    value = number(names[i])
    if (names[i] ~ /^val_/ && value != "NA") validated = 1
    if (names[i] ~ /loss$/) widen("loss", value)
    else widen("error", value == "NA" ? value : 1 - value)
  }
  for (i = 1; i <= 2; ++i)
    if (extras[i] in column && number(extras[i]) != "NA") has[i, file] = 1
  ++rows[FILENAME]
}
END {
  if (failed) exit 1
  for (i = 1; i < ARGC; ++i)
    if (!rows[ARGV[i]]) { print ARGV[i] ": no epochs in it" > "/dev/stderr"; exit 1 }
  printf "runs = %d; validated = %d; last_epoch = %d; ", ARGC - 1, validated, last
  print_range("loss"); print_range("error")
  print_runs("rate_runs", 1); print_runs("speed_runs", 2)
}
