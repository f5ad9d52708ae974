// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	socketBytes   = 300000
	wantedAnswers = 5 // of moveEverything: source, vault, catalog, and twice the object store
)

// What the worker is told: the fields of tests/fixtures/philotes/cmd/philotes-worker/traffic.go.
type move map[string]any

type outcome struct {
	ID    int
	Port  int
	Bytes int64
	NS    int64
	Error string
}

func (w *worker) move(what string, m move) (o outcome, err error) {
	body, err := json.Marshal(m)
	if err == nil {
		err = w.call(http.MethodPost, "/traffic/"+what, body, &o)
	}
	return o, err
}

// must is a move without which the rest makes no sense.
func (w *worker) must(what string, m move) (outcome, error) {
	o, err := w.move(what, m)
	if err == nil && o.Error != "" {
		err = fmt.Errorf("%s: %s", what, o.Error)
	}
	return o, err
}

func (w *worker) all(moves ...any) error {
	for i := 0; i < len(moves); i += 2 {
		if _, err := w.must(moves[i].(string), moves[i+1].(move)); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) dial(address string) (int, error) {
	o, err := w.must("dial", move{"address": address})
	return o.ID, err
}

// The peers of the check, by role.
type peers struct {
	source, buffer, store, catalog, vault *peer
}

func startPeers() (*peers, error) {
	var p peers
	for _, row := range []struct {
		peer          **peer
		role, address string
		serve         serving
	}{
		{&p.source, "source", "127.0.0.1:0", echo},
		{&p.buffer, "buffer", "127.0.0.1:0", sink},
		{&p.store, "object_store", "127.0.0.1:0", sourceOf(socketBytes)},
		{&p.catalog, "catalog", "127.0.0.1:0", atTheEnd(socketBytes)},
		{&p.vault, "vault", "[::1]:0", echo},
	} {
		var err error
		if *row.peer, err = startPeer(row.role, row.address, row.serve); err != nil {
			return nil, err
		}
	}
	return &p, nil
}

func (p *peers) list() []*peer { return []*peer{p.source, p.buffer, p.store, p.catalog, p.vault} }

func (p *peers) environment() []string {
	return []string{
		"PHILOTES_CDC_SOURCE_HOST=127.0.0.1", fmt.Sprintf("PHILOTES_CDC_SOURCE_PORT=%d", p.source.port()),
		"PHILOTES_DB_HOST=localhost", fmt.Sprintf("PHILOTES_DB_PORT=%d", p.buffer.port()),
		"PHILOTES_STORAGE_ENDPOINT=" + p.store.address(),
		fmt.Sprintf("PHILOTES_ICEBERG_CATALOG_URL=http://catalog.example:%d/x", p.catalog.port()),
		"PHILOTES_VAULT_ADDRESS=http://" + p.vault.address(),
	}
}

// checkSockets counts sockets with one backend.
func checkSockets(backend string) func(e *env) (string, error) {
	return func(e *env) (string, error) {
		return withObserver(e, []string{"--socket.backend=" + backend}, func(s *session) (string, error) {
			if err := s.hasBackend(backend); err != nil {
				return "", err
			}
			return s.socketsExactly()
		})
	}
}

// hasBackend skips where the kernel has it not, which the configuration has to say, too.
func (s *session) hasBackend(backend string) error {
	samples, err := scrape(observerAddress)
	if err != nil {
		return err
	}
	offered := contains(s.env.Backends, backend)
	runs := len(tableOf(samples, "philoscope_socket_backend", of("backend", backend))) > 0
	switch {
	case offered && !runs:
		return fmt.Errorf("this kernel should have %s", backend)
	case !offered && runs:
		return fmt.Errorf("this kernel was not known to have %s", backend)
	case !offered:
		return skip("refused by this kernel")
	}
	return nil
}

func contains(list []string, text string) bool {
	for _, t := range list {
		if t == text {
			return true
		}
	}
	return false
}

func (s *session) socketsExactly() (string, error) {
	p, err := startPeers()
	if err != nil {
		return "", err
	}
	w, err := s.startWorkerWith(load{source: "postgres-sockets"}, anyCPU, p.environment()...)
	if err == nil {
		err = s.attached()
	}
	begun := time.Now()
	if err == nil {
		err = moveEverything(w, p)
	}
	took := time.Since(begun)
	if err != nil {
		return "", err
	}
	for _, one := range p.list() {
		one.listener.Close()
		one.busy.Wait()
	}
	if err := connectToNobody(w, p.source); err != nil {
		return "", err
	}
	return s.compareSockets(w, p, took)
}

// moveEverything moves bytes in every way there is.
func moveEverything(w *worker, p *peers) error {
	source, err := w.dial(p.source.address())
	if err != nil {
		return err
	}
	store, err := w.dial(p.store.address())
	if err != nil {
		return err
	}
	buffer, err := w.dial(p.buffer.address())
	if err != nil {
		return err
	}
	peeked, err := w.dial(p.store.address())
	if err != nil {
		return err
	}
	catalog, err := w.dial(p.catalog.address())
	if err != nil {
		return err
	}
	vault, err := w.dial(p.vault.address())
	if err != nil {
		return err
	}
	err = w.all(
		"write", move{"id": source, "bytes": 30000, "piece": 777},
		"read", move{"id": source, "bytes": 30000},
		"write", move{"id": vault, "bytes": 1234},
		"read", move{"id": vault, "bytes": 1234},
		// The kernel moves a file, and from one connection to another.
		"sendfile", move{"id": buffer, "bytes": socketBytes + 1},
		"write", move{"id": store, "bytes": 1},
		"splice", move{"id": store, "to": buffer, "bytes": socketBytes},
		// Looked at twice, read once.
		"write", move{"id": peeked, "bytes": 1},
		"peek", move{"id": peeked, "bytes": 100},
		"peek", move{"id": peeked, "bytes": 5000},
		"read", move{"id": peeked, "bytes": socketBytes},
		// Behind the end of one direction.
		"write", move{"id": catalog, "bytes": 50},
		"shutdown", move{"id": catalog, "write": true},
		"read", move{"id": catalog, "bytes": socketBytes},
		"close", move{"id": source}, "close", move{"id": store}, "close", move{"id": buffer},
		"close", move{"id": peeked, "reset": true}, "close", move{"id": catalog}, "close", move{"id": vault})
	if err != nil {
		return err
	}
	return acceptOne(w)
}

// acceptOne is one client of the worker.
func acceptOne(w *worker) error {
	listening, err := w.must("listen", move{"address": "127.0.0.1:0"})
	if err != nil {
		return err
	}
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", listening.Port))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 7000)); err != nil {
		return err
	}
	for got := 0; got < 7000; {
		n, err := c.Read(make([]byte, 7000))
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

func connectToNobody(w *worker, gone *peer) error {
	o, err := w.move("dial", move{"address": gone.address()})
	if err == nil && !strings.Contains(o.Error, "refused") {
		err = fmt.Errorf("a connection to nobody: %+v", o)
	}
	return err
}

// compareSockets holds every number against the peers' own. A hit that the kernel skips delays bytes at
// most, and may lose an answer; it says how many it skipped. Answers took some of the time that all took.
func (s *session) compareSockets(w *worker, p *peers, took time.Duration) (string, error) {
	sent, received := table{}, table{}
	for _, one := range p.list() {
		sent["peer="+one.role] = float64(one.received.Load())
		received["peer="+one.role] = float64(one.sent.Load())
	}
	samples, err := scrape(observerAddress)
	if err != nil {
		return "", err
	}
	connects := table{"peer=source,result=failed": 1}
	for role, n := range map[string]float64{"source": 1, "buffer": 1, "object_store": 2, "catalog": 1, "vault": 1} {
		connects["peer="+role+",result=success"] = n
	}
	err = errors.Join(
		differences("sent", s.ofPeers(w, samples, "sent_bytes_total"), nonzero(sent)),
		differences("received", s.ofPeers(w, samples, "received_bytes_total"), nonzero(received)),
		differences("connects", s.ofPeers(w, samples, "connects_total"), connects),
		s.clientsOf(w, samples), s.noneOpen(w, samples))
	skipped := tableOf(samples, "philoscope_drops_total", of("reason", "recursion")).sum()
	answers := s.ofPeers(w, samples, "response_duration_seconds_count").sum()
	if answers > wantedAnswers || answers < wantedAnswers-skipped {
		err = errors.Join(err, fmt.Errorf("%g answers, not %d; %g hits were skipped", answers, wantedAnswers, skipped))
	}
	if sum := s.ofPeers(w, samples, "response_duration_seconds_sum").sum(); sum <= 0 || sum >= took.Seconds() {
		err = errors.Join(err, fmt.Errorf("answers took %g s, everything %v", sum, took))
	}
	detail := fmt.Sprintf("%.0f bytes sent, %.0f received, 7 connects: exact", sent.sum(), received.sum())
	if skipped > 0 {
		detail += fmt.Sprintf("; %.0f hits skipped, %.0f of %d answers", skipped, answers, wantedAnswers)
	}
	return detail, errors.Join(err, noDrops(samples))
}

// ofPeers is one metric of the worker, without its clients: the test itself is one.
func (s *session) ofPeers(w *worker, samples []sample, name string) table {
	found := tableOf(samples, "philotes_socket_"+name, s.identity(w))
	delete(found, "peer=client")
	return found
}

// nonzero: a counter that never moved has no series.
func nonzero(t table) table {
	for labels, n := range t {
		if n == 0 {
			delete(t, labels)
		}
	}
	return t
}

// clientsOf: what the worker's client sent and got is among what its clients did.
func (s *session) clientsOf(w *worker, samples []sample) error {
	for _, name := range []string{"sent", "received"} {
		labels := s.identity(w)
		labels["peer"] = "client"
		if n := tableOf(samples, "philotes_socket_"+name+"_bytes_total", labels).sum(); n <= 7000 {
			return fmt.Errorf("%s by clients: %g", name, n)
		}
	}
	return nil
}

func (s *session) noneOpen(w *worker, samples []sample) error {
	if n := s.ofPeers(w, samples, "open").sum(); n != 0 {
		return fmt.Errorf("%g connections are still open", n)
	}
	return nil
}
