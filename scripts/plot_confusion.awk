# Reads the confusion matrix of 'tilewise evaluate --confusion' and writes a line a cell: column, row,
# colour, colour of the text, count ("." for none). On standard error, the variables of plot_confusion.gp.

# The mixture of white and a colour, as 0xRRGGBB.
function tint(share, red, green, blue) {
  return int(255 - share * (255 - red)) * 65536 + int(255 - share * (255 - green)) * 256 + \
    int(255 - share * (255 - blue))
}
# Splits a line of CSV, where names of classes may be quoted (RFC 4180), and returns the number of fields.
function split_csv(line, fields, n, one) {
  for (n = 0; line != ""; line = substr(line, RLENGTH + 2)) {
    if (match(line, /^"([^"]|"")*"/)) {
      one = substr(line, 2, RLENGTH - 2)
      gsub(/""/, "\"", one)
    } else {
      match(line, /^[^,]*/)
      one = substr(line, 1, RLENGTH)
    }
    fields[++n] = one
  }
  return n
}
{
  sub(/\r$/, "")
  n = split_csv($0, field)
}
NR == 1 {
  classes = n - 1
  next
}
{
  row = NR - 1
  name[row] = field[1]
  if (length(name[row]) > longest) longest = length(name[row])
  for (i = 1; i <= classes; ++i) {
    count[row, i] = field[i + 1] + 0
    total[row] += count[row, i]
    if (i != row && count[row, i] > worst) worst = count[row, i]
  }
}
END {
  # What is right is blue by its share of the row; what is not, orange beside the worst confusion.
  for (row = 1; row <= classes; ++row) {
    for (i = 1; i <= classes; ++i) {
      n = count[row, i]
      share = !n ? 0 : i == row ? n / total[row] : sqrt(n / worst)
      colour = i == row ? tint(share, 0, 114, 178) : tint(share * 0.9, 213, 94, 0)
      print i, row, colour, (share > (i == row ? 0.6 : 0.85) ? 16777215 : n ? 3158064 : 12632256), (n ? n : ".")
    }
    print name[row] > names
  }
  printf "classes = %d; longest = %d", classes, longest > "/dev/stderr"
}
