// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// What must equal the API server's own counters, series by series.
var exactAPIMetrics = []string{
	"philotes_api_requests_total",
	"philotes_api_request_duration_seconds_count",
	"philotes_api_request_size_bytes_bucket",
	"philotes_api_response_size_bytes_bucket",
	"philotes_api_requests_aborted_total",
	"philotes_api_requests_in_flight",
}

// What is asked for, in turn: each on a connection that is kept while it can be.
var apiPaths = []string{
	"/health", "/api/v1/sources/known", "/nowhere", "/drive/bytes/5000", "/drive/panic",
	"/drive/nested/2", "/drive/inner-panic", "/drive/inner-recovered", "/drive/shrink/50",
}

const (
	apiClients  = 8
	apiRequests = 900 // in all
)

// apiServer is the stand-in: addresses of its oracle and of itself.
type apiServer struct {
	*process
	oracle, http string
}

func startAPI(s *session) (*apiServer, error) {
	p, err := start("api", anyCPU, s.env.API)
	if err != nil {
		return nil, err
	}
	s.others = append(s.others, p)
	server := &apiServer{process: p}
	return server, waitFor("the API server", hangGuard, server.readPorts, p)
}

// readPorts takes them from the first line that the server writes.
func (a *apiServer) readPorts() error {
	text, err := os.ReadFile(a.log)
	if err != nil {
		return err
	}
	line, _, whole := bytes.Cut(text, []byte("\n"))
	if !whole {
		return errors.New("it has not written its ports")
	}
	var ports map[string]int
	if err := json.Unmarshal(line, &ports); err != nil {
		return err
	}
	a.oracle = fmt.Sprintf("127.0.0.1:%d", ports["port"])
	a.http = fmt.Sprintf("127.0.0.1:%d", ports["http"])
	return nil
}

// checkAPI: a known number of requests, every series as the server's own metrics have it.
func checkAPI(e *env) (string, error) {
	if e.API == "" {
		return "", skip("no API server given")
	}
	return withObserver(e, nil, func(s *session) (string, error) {
		server, err := startAPI(s)
		if err != nil {
			return "", err
		}
		if err := s.attachedAPI(); err != nil {
			return "", err
		}
		if err := server.ask(apiRequests); err != nil {
			return "", err
		}
		series, err := s.compareAPI(server)
		return fmt.Sprintf("%d requests, %d series of %d metrics: exact", apiRequests, series, len(exactAPIMetrics)), err
	})
}

func (s *session) attachedAPI() error {
	return waitFor("the observer to attach to the API server", attachGuard, func() error {
		samples, err := scrape(observerAddress)
		if err != nil {
			return err
		}
		if n := tableOf(samples, "philoscope_targets", of("service", "api"))["state=attached"]; n != 1 {
			return fmt.Errorf("%g API servers are attached", n)
		}
		return nil
	}, s.processes()...)
}

func (a *apiServer) ask(count int) error {
	errs := make([]error, apiClients)
	var group sync.WaitGroup
	for i := range errs {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for n := i; n < count && errs[i] == nil; n += apiClients {
				errs[i] = a.askOnce(apiPaths[n%len(apiPaths)])
			}
		}(i)
	}
	group.Wait()
	return errors.Join(errs...)
}

func (a *apiServer) askOnce(path string) error {
	answer, err := http.Post("http://"+a.http+path, "text/plain", bytes.NewReader(make([]byte, 1500)))
	if path != "/nowhere" {
		if err == nil {
			answer.Body.Close()
		}
		answer, err = client.Get("http://" + a.http + path)
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// compareAPI returns how many series the server has.
func (s *session) compareAPI(server *apiServer) (int, error) {
	series := 0
	err := waitFor("equal counts", settleGuard, func() error {
		oracle, err := scrape(server.oracle)
		if err != nil {
			return err
		}
		observed, err := scrape(observerAddress)
		if err == nil {
			err = noDrops(observed)
		}
		series = 0
		for _, name := range exactAPIMetrics {
			theirs := tableOf(oracle, name, nil)
			series += len(theirs)
			if err == nil {
				err = differences(name, tableOf(observed, name, of("service", "api")), theirs)
			}
		}
		return err
	}, s.observer, server.process)
	return series, err
}
