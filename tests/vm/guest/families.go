// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// One run that touches what the uprobe families count: events with errors and retries, checkpoints,
// batches that fail and that reach the dead letters.
const everything = `{
	"sources": ["postgres-shop", "postgres-crm"], "tables": ["public.a", "sales.b"],
	"operations": ["INSERT", "UPDATE", "DELETE", "TRUNCATE"], "events": 40, "end": "stop",
	"fail_attempts": 1, "fail_every": 7, "permanent_every": 11,
	"checkpoint": {"ms": 5, "fail_every": 3}, "stack_depth": 20, "gc_ms": 20,
	"batches": {"processors": ["postgres-shop", "postgres-crm"], "repeat": 3, "script": [
		{"rows": [3, 2]}, {"rows": [4], "faults": [{"at": "handler"}]},
		{"rows": [2, 2], "faults": [{"at": "upload", "times": 3}, {"at": "dlq", "every": 4}]},
		{"rows": [1]}]}}`

// checkFamily compares all that a family counts with the oracle: every counter, and how many
// samples every histogram has.
func checkFamily(family string) func(e *env) (string, error) {
	return func(e *env) (string, error) {
		return withObserver(e, nil, func(s *session) (string, error) {
			if err := s.hasFamily(family); err != nil {
				return "", err
			}
			w, err := s.startWorker(load{source: "postgres-shop"}, anyCPU)
			if err == nil {
				err = s.attached()
			}
			if err == nil {
				err = w.run(everything, "done")
			}
			if err != nil {
				return "", err
			}
			return s.compareFamily(w, family)
		})
	}
}

// run gives the worker an order and waits until it has come so far.
func (w *worker) run(order, phase string) error {
	if err := w.call(http.MethodPost, "/run", []byte(order), nil); err != nil {
		return err
	}
	return w.call(http.MethodGet, "/wait?phase="+phase, nil, nil)
}

// hasFamily skips a family that this observer was not built with.
func (s *session) hasFamily(family string) error {
	samples, err := scrape(observerAddress)
	if err != nil {
		return err
	}
	for labels := range tableOf(samples, "philoscope_series", nil) {
		if strings.HasPrefix(labels, "metric=philotes_"+family+"_") {
			return nil
		}
	}
	return skip("not in this build")
}

// attachedMetrics are the names of a family's metrics that are produced.
func attachedMetrics(samples []sample, family string) map[string]bool {
	names := map[string]bool{}
	for _, s := range samples {
		if s.name == "philoscope_probe_info" && s.labels["family"] == family && s.labels["state"] == "attached" {
			names[s.labels["metric"]] = true
		}
	}
	return names
}

// counts: of a counter itself, of a histogram the number of its samples; nothing of time.
func counts(name string) (metric string, ok bool) {
	if metric, ok := strings.CutSuffix(name, "_count"); ok {
		return metric, true
	}
	return name, strings.HasSuffix(name, "_total") && !strings.HasSuffix(name, "_seconds_total")
}

func (s *session) compareFamily(w *worker, family string) (string, error) {
	oracle, err := w.oracle()
	if err != nil {
		return "", err
	}
	detail := ""
	err = waitFor("equal counts", settleGuard, func() error {
		observed, err := scrape(observerAddress)
		if err == nil {
			err = noDrops(observed)
		}
		if err == nil {
			detail, err = s.sameFamily(w, family, observed, oracle)
		}
		return err
	}, s.observer)
	if err != nil {
		reportMoves()
	}
	return detail, err
}

// reportMoves tells what the kernel may have moved or unmapped in the worker: at that moment its memory
// can't be read by a probe.
func reportMoves() {
	for _, line := range strings.Split(procText("/proc/vmstat"), "\n") {
		name, n, _ := strings.Cut(line, " ")
		for _, of := range []string{"thp_collapse_alloc", "thp_split_page", "pgmigrate_success", "numa_pte_updates", "pswpout"} {
			if name == of {
				fact("vmstat."+name, "%s", n)
			}
		}
	}
}

func (s *session) sameFamily(w *worker, family string, observed, oracle []sample) (string, error) {
	attached := attachedMetrics(observed, family)
	names, series, total := map[string]bool{}, 0, 0.0
	for _, o := range oracle {
		if metric, ok := counts(o.name); ok && attached[metric] {
			names[o.name] = true
		}
	}
	for name := range names {
		want := nonzero(tableOf(oracle, name, nil))
		if err := differences(name, tableOf(observed, name, s.identity(w)), want); err != nil {
			return "", err
		}
		series += len(want)
		total += want.sum()
	}
	if series == 0 {
		return "", fmt.Errorf("nothing of it was compared")
	}
	return fmt.Sprintf("%d series of %d metrics, %.0f in all: exact", series, len(names), total), nil
}
