// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// The stand-in's control API and oracle: this port for the first worker, and
// so on. The API is described in tests/fixtures/philotes/README.md.
const firstWorkerPort = 11000

// A load is a known amount of work: `each` events per table and operation.
type load struct {
	source string
	tables []string
	each   int
}

type worker struct {
	*process
	load    load
	address string
	handled map[string]float64 // source -> events whose handling ended
}

// startWorker starts an idle worker, on one CPU if asked, and waits for its API.
func (s *session) startWorker(l load, cpu int) (*worker, error) {
	return s.startWorkerWith(l, cpu)
}

// startWorkerWith gives it variables of its environment, too.
func (s *session) startWorkerWith(l load, cpu int, environment ...string) (*worker, error) {
	n := len(s.workers)
	w := &worker{
		load:    l,
		address: fmt.Sprintf("127.0.0.1:%d", firstWorkerPort+n),
		handled: map[string]float64{},
	}
	p, err := startWith(fmt.Sprintf("worker%d", n), cpu, environment, s.env.Worker, "-listen", w.address)
	if err != nil {
		return nil, err
	}
	w.process = p
	s.workers = append(s.workers, w)
	return w, waitFor("the worker's oracle", hangGuard, func() error {
		_, err := scrape(w.address)
		return err
	}, p)
}

// drive makes the worker do its load and waits until all of it is done.
func (w *worker) drive() error {
	spec, err := json.Marshal(map[string]any{
		"sources":    []string{w.load.source},
		"tables":     w.load.tables,
		"operations": operations,
		"events":     w.load.each,
	})
	if err != nil {
		return err
	}
	if err := w.call(http.MethodPost, "/run", spec, nil); err != nil {
		return err
	}
	var done struct {
		Lanes []struct {
			Source string
			Events float64
		}
	}
	if err := w.call(http.MethodGet, "/wait?phase=done", nil, &done); err != nil {
		return err
	}
	for _, lane := range done.Lanes {
		w.handled[lane.Source] += lane.Events
	}
	return nil
}

func (w *worker) call(method, path string, body []byte, reply any) error {
	request, err := http.NewRequest(method, "http://"+w.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s: %s", w.name, path, answer.Status, text)
	}
	if reply == nil {
		return nil
	}
	return json.Unmarshal(text, reply)
}

// oracle is what the worker counted itself, and what its driver knows beside:
// one handled event is one event duration.
func (w *worker) oracle() ([]sample, error) {
	samples, err := scrape(w.address)
	for source, n := range w.handled {
		samples = append(samples, sample{"philotes_cdc_event_duration_seconds_count", of("source", source), n})
	}
	return samples, err
}
