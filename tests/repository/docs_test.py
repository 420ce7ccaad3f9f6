"""The documents tell the truth about the repository: links lead somewhere, and the table of rooms is the folders."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).parent.parent.parent


def tracked(pattern: str) -> list[pathlib.Path]:
    listing = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listing.stdout.splitlines()]


def test_links_lead_somewhere():
    broken = []
    for document in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert not broken


def test_rooms_of_the_architecture_are_the_folders():
    rooms = re.findall(r"^\| `(\w+)/` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert sorted(rooms) == sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir())


def test_starting_points_exist():
    table = re.findall(r"^\| `(\w+)/` \|[^|]*\| (.+) \|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    missing = [f"{room}/{name}" for room, names in table for name in re.findall(r"`([^`]+)`", names)
               if not (ROOT / "src" / room / name).exists()]
    assert not missing


def test_the_readme_names_every_architecture():
    sources = (ROOT / "src" / "model" / "architectures").glob("*.cc")
    names = {name for source in sources
             for name in re.findall(r'^const Architecture k\w+ = \{"([^"]+)"', source.read_text(), re.MULTILINE)}
    assert names <= set(re.findall(r"`([^`]+)`", (ROOT / "README.md").read_text()))


def test_make_targets_named_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for document in tracked("*.md")
             for target in re.findall(r"(?:^|`)make ([a-z]+)\b", document.read_text(), re.MULTILINE)}
    assert named <= targets
