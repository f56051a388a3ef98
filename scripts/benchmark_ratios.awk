# Of results.csv of run_benchmarks.sh: the seconds of the best peer to those of Tilewise, for each case
# that has a peer.
BEGIN {
  FS = OFS = ","
  print "operation", "shape", "threads", "seconds", "share", "best_peer", "best_peer_seconds", "ratio"
}
{ gsub(/"/, "") }
NR == 1 { next }
{ key = $1 OFS $2 OFS $3 }
!(key in seen) { seen[key] = ++cases; keys[cases] = key }
$4 == "tilewise_direct" { next }
$4 == "tilewise" { own[key] = $5; share[key] = $7 != "" ? $7 : $9; next }
!(key in best) || $5 < best[key] { best[key] = $5; name[key] = $4 }
END {
  for (i = 1; i <= cases; ++i) {
    key = keys[i]
    if (key in own && key in best) {
      print key, own[key], share[key], name[key], best[key], best[key] / own[key]
    }
  }
}
