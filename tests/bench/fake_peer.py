"""Stands in for a framework: fake_peer.py ANSWERS --network NAME and so on. ANSWERS is a JSON list;
the n-th call answers with its n-th element: text as it is, a number as exit code, or an object, in
which what was asked is filled in. The calls are kept in ANSWERS.calls."""

import json
import os
import sys
from pathlib import Path

answers, arguments = Path(sys.argv[1]), sys.argv[2:]
calls = Path(f"{answers}.calls")
with calls.open("a", encoding="utf-8") as file:
    file.write(json.dumps({"arguments": arguments, "processors": len(os.sched_getaffinity(0)),
                           "threads": os.environ["OMP_NUM_THREADS"],
                           "started": int(os.environ["PEER_STARTED_NS"])}) + "\n")
number = len(calls.read_text(encoding="utf-8").splitlines())
answer = json.loads(answers.read_text(encoding="utf-8"))[number - 1]
if isinstance(answer, int):
    print("one line\nit broke", file=sys.stderr)
    sys.exit(answer)
print("a framework greets")
if isinstance(answer, str):
    print(answer)
else:
    asked = dict(zip([name[2:] for name in arguments[::2]], arguments[1::2]))
    numbers = {name: int(asked[name]) for name in ("batch", "epochs", "images", "threads")}
    print(json.dumps({"network": asked["network"], **numbers, **answer}))
