"""A parent in a process of its own, to be killed: it starts the server and tells of it."""

from __future__ import annotations

import json
import time

from e2e_process import start_child

if __name__ == "__main__":
    with start_child() as child:
        print(json.dumps({"pid": child.process.pid, "url": child.url}), flush=True)
        time.sleep(120)
