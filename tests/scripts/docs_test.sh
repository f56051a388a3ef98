#!/usr/bin/env bash
# Usage: docs_test.sh FOLDER
#
# scripts/make_docs.sh makes the reference into FOLDER without a warning, and fails when a comment is wrong. 77,
# skipped, without Doxygen.

set -euo pipefail
command -v doxygen >/dev/null || { echo "skipped: doxygen is not installed"; exit 77; }
root=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
folder=$1
rm -rf -- "$folder"

"$root/scripts/make_docs.sh" "$folder"
[[ -s $folder/html/classtilewise_1_1Model.html ]] || { echo "no page of the class Model"; exit 1; }

# A copy of the scripts and of a header whose comment names a parameter that is not there.
mkdir -p "$folder/copy"
cp -R -- "$root/scripts" "$root/docs" "$root/README.md" "$folder/copy/"
mkdir "$folder"/copy/{core,simd,layers,train,examples}
cat >"$folder/copy/core/wrong.hpp" <<'HPP'
/// A class.
class Wrong {
 public:
  /// \param wrong  is not there
  void function(int right);
};
HPP
if "$folder/copy/scripts/make_docs.sh" >"$folder/copy.log" 2>&1; then
  echo "a wrong comment is no failure"
  exit 1
fi
grep -q "wrong.hpp.*'wrong'" "$folder/copy.log" || { cat "$folder/copy.log"; exit 1; }
