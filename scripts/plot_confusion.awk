# Reads the confusion matrix of 'tilewise evaluate --confusion' and writes a line a cell: column, row,
# colour, colour of the text, count ("." for none). On standard error, the variables of plot_confusion.gp.

# The mixture of white and a colour, as 0xRRGGBB.
function tint(share, red, green, blue) {
  return int(255 - share * (255 - red)) * 65536 + int(255 - share * (255 - green)) * 256 + \
    int(255 - share * (255 - blue))
}
BEGIN { FS = "," }
{ sub(/\r$/, "") }
NR == 1 {
  classes = NF - 1
  next
}
{
  row = NR - 1
  name[row] = $1
  if (length($1) > longest) longest = length($1)
  for (i = 1; i <= classes; ++i) {
    count[row, i] = $(i + 1)
    total[row] += $(i + 1)
    if (i != row && $(i + 1) > worst) worst = $(i + 1)
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
