// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
)

// Many goroutines that have ended, stacks that have grown, collections and garbage; then many goroutines that rest.
const (
	toil = `{
	"tables": ["public.a", "sales.b"], "operations": ["INSERT", "UPDATE"], "events": 200,
	"gc_ms": 20, "churn": 100, "stack_depth": 50}`
	repose = `{
	"sources": [%s], "events": 5, "end": "hold", "checkpoint": {"ms": 0}, "backpressure": {"check_ms": 3600000}}`
	resting     = 40 // pipelines, each with some goroutines
	figureLooks = 3
)

const (
	cycles     = "go_gc_duration_seconds_count"
	goroutines = "go_goroutines"
	resident   = "process_resident_memory_bytes"
)

// How much these may move from one look to the next in a program at rest: pages come to be resident when they are
// touched, be it to answer, and something between two numbers far apart says little.
var rest = table{key(cycles, ""): 0, key(goroutines, ""): 0, key(resident, ""): 0.01}

// How far a figure may be from what the process says before and after: by a share of it, or by a number. The first row
// that a name begins with holds; what has none must lie between the two.
var tolerances = []struct {
	prefix        string
	share, number float64
}{
	// The question itself takes a goroutine and descriptors.
	{goroutines, 0, 2},
	{"process_open_fds", 0, 2},
	{cycles, 0, 0},
	{"go_gc_duration_seconds", 1e-9, 0}, // one is a sum of seconds, the other of nanoseconds
	{"go_memstats_last_gc_time_seconds", 0, 1e-6},
	{"go_memstats_", 0.02, 0},
	{"process_start_time_seconds", 0, 1e-6},
	{resident, 0.01, 0},
	{"process_virtual_memory_bytes", 0.01, 0},
}

func tolerance(name string) (share, number float64) {
	for _, row := range tolerances {
		if strings.HasPrefix(name, row.prefix) {
			return row.share, row.number
		}
	}
	return 0, 0
}

// checkFigures compares what is read from the worker's memory and from /proc (one of both, by the prefix of its names)
// with what the worker says of itself at rest: runtime.ReadMemStats, and client_golang's own collectors for the rest.
func checkFigures(prefix string) func(e *env) (string, error) {
	return func(e *env) (string, error) {
		return withObserver(e, nil, func(s *session) (string, error) {
			w, err := s.startWorker(load{}, anyCPU)
			if err == nil {
				err = s.attached()
			}
			if err == nil {
				err = errors.Join(w.run(toil, "done"), w.run(fmt.Sprintf(repose, names(resting)), "drained"))
			}
			var seen seenFigures
			for i := 0; i < figureLooks && err == nil; i++ {
				err = s.compareFigures(w, prefix, &seen)
			}
			return seen.String(), err
		})
	}
}

func names(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"postgres-%d"`, i)
	}
	return strings.Join(list, ",")
}

// seenFigures is what all looks have shown.
type seenFigures struct {
	last     table   // by the observer
	said     table   // by the process, right after
	farthest string  // of those that may be off by a share of what they are
	off      float64 // that share
}

func (f *seenFigures) String() string {
	text := fmt.Sprintf("%d figures, %d times: as the process says", len(f.last), figureLooks)
	if f.off > 0 {
		text += fmt.Sprintf(", but for at most %.2f %% (`%s`)", 100*f.off, strings.TrimSuffix(f.farthest, "{}"))
	}
	if n, there := f.last[key(goroutines, "")]; there {
		text += fmt.Sprintf("; %.0f goroutines, to itself %.0f while it answers; %.0f GC cycles", n,
			f.said[key(goroutines, "")], f.said[key(cycles, "")])
	}
	return text
}

// compareFigures: garbage is collected first, so that none is swept between two looks.
func (s *session) compareFigures(w *worker, prefix string, seen *seenFigures) error {
	if err := w.call(http.MethodPost, "/gc", nil, nil); err != nil {
		return err
	}
	var l looks
	err := waitFor("rest", hangGuard, func() error {
		return errors.Join(l.take(w), l.restless())
	}, s.processes()...)
	if err == nil {
		err = noDrops(l.observed)
	}
	if err != nil {
		return err
	}
	seen.last, seen.said = figuresOf(l.observed, prefix, s.identity(w)), l.said(1, prefix)
	return seen.compare(l.said(0, prefix))
}

// looks are what the observer shows, and what the worker says before and after.
type looks struct {
	older, observed []sample
	collectors      [2][]sample // client_golang's
	memory          [2]table    // of the runtime
}

// take asks in an order in which the observer's look is next to those at the memory: to answer takes some.
func (l *looks) take(w *worker) (err error) {
	for _, ask := range []func() error{
		func() (err error) { l.older, err = scrape(observerAddress); return err },
		func() (err error) { l.collectors[0], err = scrapePage(w.address + "/runtime"); return err },
		func() (err error) { l.memory[0], err = w.memory(); return err },
		func() (err error) { l.observed, err = scrape(observerAddress); return err },
		func() (err error) { l.memory[1], err = w.memory(); return err },
		func() (err error) { l.collectors[1], err = scrapePage(w.address + "/runtime"); return err },
	} {
		if err == nil {
			err = ask()
		}
	}
	return err
}

// restless: the worker was not at rest meanwhile, or what the observer shows is an old sample.
func (l *looks) restless() error {
	if late(l.observed) != late(l.older) {
		return errors.New("the sample is late")
	}
	before, after := l.said(0, ""), l.said(1, "")
	for k, share := range rest {
		if math.Abs(after[k]-before[k]) > share*before[k] {
			return fmt.Errorf("%s went from %g to %g", k, before[k], after[k])
		}
	}
	return nil
}

// said is all that the worker said of itself, before (0) or after (1). The runtime's own word goes first: client_golang's
// go_memstats_* leave out what the processors hold back, and its question starts goroutines.
func (l *looks) said(when int, prefix string) table {
	t := figuresOf(l.collectors[when], prefix, nil)
	for name, n := range l.memory[when] {
		if strings.HasPrefix(name, prefix) {
			t[key(name, "")] = n
		}
	}
	return t
}

func late(samples []sample) float64 {
	return tableOf(samples, "philoscope_drops_total", of("reason", "sample_late")).sum()
}

func key(name, labels string) string { return name + "{" + labels + "}" }

// figuresOf has series of many names, of which it has the labels beside those given.
func figuresOf(samples []sample, prefix string, having map[string]string) table {
	t := table{}
	for _, s := range samples {
		if strings.HasPrefix(s.name, prefix) && has(s.labels, having) {
			t[key(s.name, labelText(s.labels, having))] = s.value
		}
	}
	return t
}

// memory is what runtime.ReadMemStats and runtime.NumGoroutine say.
func (w *worker) memory() (table, error) {
	var said struct {
		Goroutines float64
		Memstats   runtime.MemStats
	}
	err := w.call(http.MethodGet, "/memstats", nil, &said)
	m := &said.Memstats
	t := table{
		goroutines:                         said.Goroutines,
		cycles:                             float64(m.NumGC),
		"go_gc_duration_seconds_sum":       float64(m.PauseTotalNs) / 1e9,
		"go_memstats_last_gc_time_seconds": float64(m.LastGC) / 1e9,
	}
	for name, n := range map[string]uint64{
		"alloc_bytes": m.Alloc, "alloc_bytes_total": m.TotalAlloc, "buck_hash_sys_bytes": m.BuckHashSys,
		"frees_total": m.Frees, "gc_sys_bytes": m.GCSys, "heap_alloc_bytes": m.HeapAlloc, "heap_idle_bytes": m.HeapIdle,
		"heap_inuse_bytes": m.HeapInuse, "heap_objects": m.HeapObjects, "heap_released_bytes": m.HeapReleased,
		"heap_sys_bytes": m.HeapSys, "mallocs_total": m.Mallocs, "mcache_inuse_bytes": m.MCacheInuse,
		"mcache_sys_bytes": m.MCacheSys, "mspan_inuse_bytes": m.MSpanInuse, "mspan_sys_bytes": m.MSpanSys,
		"next_gc_bytes": m.NextGC, "other_sys_bytes": m.OtherSys, "stack_inuse_bytes": m.StackInuse,
		"stack_sys_bytes": m.StackSys, "sys_bytes": m.Sys,
	} {
		t["go_memstats_"+name] = float64(n)
	}
	return t, err
}

// compare names each that is too far from what was said before and after, is missing, or should not be there.
func (f *seenFigures) compare(before table) error {
	if len(f.said) == 0 {
		return errors.New("nothing was compared")
	}
	var found []string
	for k, n := range f.said {
		first, was := before[k]
		seen, there := f.last[k]
		if !was || !there {
			found = append(found, k+" was not always there")
		} else if !f.near(k, seen, math.Min(first, n), math.Max(first, n)) {
			found = append(found, fmt.Sprintf("%s is %.12g, not %.12g to %.12g", k, seen, first, n))
		}
	}
	for k, n := range f.last {
		if _, there := f.said[k]; !there {
			found = append(found, fmt.Sprintf("%s is %g, should not exist", k, n))
		}
	}
	return listed("figures", found, len(f.said))
}

func (f *seenFigures) near(name string, seen, low, high float64) bool {
	share, number := tolerance(name)
	off := math.Max(low-seen, seen-high)
	if share > 0 && off > f.off*high {
		f.farthest, f.off = name, off/high
	}
	return off <= high*share+number
}
