"""Print the slowest tests in pytest's XML reports; times include set-up and clean-up."""

import sys
from pathlib import Path
from xml.etree import ElementTree

found = [
    (float(case.get("time", 0)), Path(report).stem, f"{case.get('classname')}::{case.get('name')}")
    for report in sys.argv[1:]
    for case in ElementTree.parse(report).iter("testcase")
]
for seconds, stage, name in sorted(found, reverse=True)[:20]:
    print(f"{seconds:6.1f} s  {stage:12s} {name}")
