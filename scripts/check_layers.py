#!/usr/bin/env python3
"""Holds src/ to its layers: a room may include only rooms above it, and no source file passes 600 lines."""

import pathlib
import re
import sys

# In the order in which data flows; the same table as in ARCHITECTURE.md.
ROOMS = ["base", "quant", "gguf", "kernels", "tokenizer", "hugging_face", "model", "engine", "trace", "compare",
         "diagnose", "recipe", "report", "server", "cli"]
# Rooms that stand above in the order but have no business with each other.
FORBIDDEN = {"kernels": {"gguf"}, "tokenizer": {"kernels"}, "model": {"kernels"}, "server": {"cli"}}
# Compiled with instruction-set flags: anything else they include could leak such code into the baseline.
ISA_FOLDERS = {"avx2", "avx512", "zen4", "amx", "neon", "i8mm", "x86", "generic"}
ISA_STANDARD_HEADERS = {"immintrin.h", "arm_neon.h", "cstdint", "cstddef"}
MAX_LINES = 600


def violations(root: pathlib.Path):
    for path in sorted(root.rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        relative = path.relative_to(root)
        room = relative.parts[0]
        if room not in ROOMS:
            yield f"{relative}: unknown room '{room}'"
            continue
        text = path.read_text()
        lines = text.splitlines()
        if len(lines) > MAX_LINES:
            yield f"{relative}: {len(lines)} lines; split it by idea (at most {MAX_LINES})"
        for number, line in enumerate(lines, 1):
            include = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
            if not include:
                continue
            quoted, name = include.group(1) == '"', include.group(2)
            target = name.split("/")[0]
            if quoted and (target not in ROOMS or not (root / name).exists()):
                yield f"{relative}:{number}: \"{name}\" is no file of a room"
            elif quoted and (ROOMS.index(target) > ROOMS.index(room) or target in FORBIDDEN.get(room, set())):
                yield f"{relative}:{number}: {room} may not include {target}"
            in_isa_folder = room == "kernels" and relative.parts[1] in ISA_FOLDERS
            if in_isa_folder and not quoted and name not in ISA_STANDARD_HEADERS:
                yield f"{relative}:{number}: <{name}> in a kernel object; only {sorted(ISA_STANDARD_HEADERS)}"
            if in_isa_folder and quoted and target != "kernels":
                yield f"{relative}:{number}: a kernel object may include only kernels/"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src")
    found = list(violations(root))
    for violation in found:
        print(violation)
    print(f"layers: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
