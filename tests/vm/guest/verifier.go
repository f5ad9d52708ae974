// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// checkVerifier loads every program for itself and tells what that cost the verifier, a fact for
// each; ../run compares them with what they cost before.
// Programs that others stand in for where a kernel refuses them: ways to see sockets, and to learn real files.
var replaceable = []string{"fn_", "tp_", "mapping_"}

func isReplaceable(program string) bool {
	return slices.ContainsFunc(replaceable, func(prefix string) bool { return strings.HasPrefix(program, prefix) })
}

func checkVerifier(e *env) (string, error) {
	if e.Verifier == "" {
		return "", skip("no tool given")
	}
	out, err := exec.Command(e.Verifier, e.Worker).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	loaded, refused := 0, 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, cost, found := strings.Cut(line, " ")
		if !found {
			return "", fmt.Errorf("not a line of the tool: %s", line)
		}
		fact("verifier."+name, "%s", cost)
		if cost == "refused" && !isReplaceable(name) {
			return "", fmt.Errorf("%s is refused, and nothing stands in for it", name)
		} else if cost == "refused" {
			refused++
		} else {
			loaded++
		}
	}
	if loaded == 0 {
		return "", fmt.Errorf("no program was loaded")
	}
	return fmt.Sprintf("%d programs, %d others refused by this kernel", loaded, refused), nil
}
