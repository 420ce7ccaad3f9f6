#!/usr/bin/env python3
"""Holds the objects compiled with instruction-set flags to exporting one kernel table each and nothing else.

A weak or global function in such an object could be chosen by the linker for the whole program, which would then die on a CPU
without that instruction set.
"""

import os
import re
import subprocess
import sys

# The second form is what the address sanitizer adds for each table.
TABLE = re.compile(r"assay::(kernels::k\w+Kernels|quant::k\w+Searches)$"
                   r"|^__odr_asan\._ZN5assay(7kernels\d+k\w+Kernels|5quant\d+k\w+Searches)E$")
LOCAL_OR_UNDEFINED = set("tdbrUn")


def stray_symbols(path: str):
    nm = os.environ.get("NM", "nm")
    listing = subprocess.run([nm, "--demangle", path], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        kind, name = line[17:18], line[19:]
        if kind not in LOCAL_OR_UNDEFINED and not TABLE.search(name):
            yield f"{path}: exports {name} ({kind})"


def main() -> int:
    objects = sys.argv[1:]
    found = [symbol for path in objects for symbol in stray_symbols(path)]
    print("\n".join(found) or f"isa objects: {len(objects)} objects, no stray symbols")
    return 1 if found or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
