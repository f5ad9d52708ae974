# SPDX-License-Identifier: Apache-2.0
"""What `inspect --json` says, as rows of the document, and held against the file itself."""

_COLUMNS = (("site", "site"), ("function", "function"), ("place", "place"),
            ("file offset", "file_offset"), ("in function", "function_offset"),
            ("instruction", "instruction"), ("cost", "cost"), ("state", "state"), ("reason", "reason"))
_HEX = ("file_offset", "function_offset")


def _shown(site, key):
    value = site.get(key)
    if value is None:
        return ""
    if key in _HEX:
        return hex(int(value))
    # The package's full path says the same in every row.
    return value.rsplit("/", 1)[-1] if key == "function" else value


def site_rows(answer):
    """One dict per probe site of the catalog, attached or not."""
    return [{head: _shown(site, key) for head, key in _COLUMNS} for site in answer.get("sites", [])]


def wrong_sites(answer, binary):
    """Names of sites whose bytes are not in the file where inspect says, or that are left out
    without a reason."""
    wrong = []
    with open(binary, "rb") as file:
        for site in answer.get("sites", []):
            if site.get("state") != "attach":
                good = bool(site.get("reason"))
            else:
                expected = bytes.fromhex(site["bytes"])
                file.seek(int(site["file_offset"]))
                good = bool(expected) and file.read(len(expected)) == expected
            if not good:
                wrong.append(site.get("site"))
    return wrong


def dear_sites(answer):
    """Names of attached sites whose instruction the kernel has to single-step."""
    return [site.get("site") for site in answer.get("sites", []) if site.get("state") == "attach" and site.get("cost") != "emulated"]
