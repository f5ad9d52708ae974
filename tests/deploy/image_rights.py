# SPDX-License-Identifier: Apache-2.0
"""The rights that the chart gives with privileged: false, as the chart says them, for ctr."""
import cases_manifests
import containers


def capabilities():
    """As the chart lists them: without CAP_."""
    context = cases_manifests.container("--set", "privileged=false")["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"] and context["runAsUser"] == 0 and not context["privileged"]
    return context["capabilities"]["add"]


def options(without=()):
    """Options of `ctr run`: these capabilities, no new privileges, a root that can't be written to, the default seccomp profile."""
    dropped = [option for name in containers.DEFAULT_CAPABILITIES for option in ("--cap-drop", name)]
    added = [option for name in capabilities() if name not in without for option in ("--cap-add", f"CAP_{name}")]
    return ["--read-only", "--seccomp", *dropped, *added]
