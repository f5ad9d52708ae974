# SPDX-License-Identifier: Apache-2.0
"""philoscope in a container of the image does all that it does on the host: the host's own cases, module by module."""
import functools
import importlib
import pathlib

import cases_image
import image_rights
import in_image

RIGHTS = {"privileged": lambda: cases_image.PRIVILEGED, "least": image_rights.options}
QUICK, LONG = "case", "soak"
# module of tests/e2e/standin, what a container may do, whether `make check-deploy` waits for it
MODULES = (
    ("api", "privileged", LONG),
    ("attach", "privileged", LONG),
    ("audit", "privileged", QUICK),
    ("cli", "privileged", LONG),
    ("confine", "least", QUICK),
    ("containers", "privileged", LONG),
    ("counting", "privileged", QUICK),
    ("doctor", "privileged", LONG),
    ("doctor", "least", QUICK),
    ("exposition", "privileged", QUICK),
    ("lifecycle", "privileged", LONG),
    ("page", "privileged", LONG),
    ("retry", "privileged", LONG),
    ("runtime", "privileged", LONG),
    ("secrets", "least", QUICK),
    ("soak", "privileged", LONG),
    ("socket", "privileged", LONG),
    ("socket", "least", QUICK),
    ("state", "privileged", LONG),
    ("state_faults", "privileged", LONG),
    ("state_places", "privileged", LONG),
    ("web", "privileged", LONG),
    ("worker", "least", QUICK),
)


def in_containers(module, rights, folder):
    in_image.run_all(folder, cases_image.archive(), importlib.import_module(f"cases_{module}"), RIGHTS[rights]())


for _module, _rights, _when in MODULES:
    globals()[f"{_when}_image_{_rights}_{_module}"] = functools.partial(in_containers, _module, _rights)


def case_every_module_of_the_host_is_in_the_table(_):
    there = {path.stem.removeprefix("cases_") for path in (pathlib.Path(in_image.ROOT) / "tests/e2e/standin").glob("cases_*.py")}
    assert there == {module for module, *_ in MODULES}, there ^ {module for module, *_ in MODULES}
