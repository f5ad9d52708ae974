// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// A table is one metric's series: its labels as sorted text, and the value.
type table map[string]float64

// Prometheus text format 0.0.4: NAME{LABEL="VALUE",...} NUMBER, and comments.
var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)",?`)
)

var client = &http.Client{Timeout: loadGuard}

func scrape(address string) ([]sample, error) { return scrapePage(address + "/metrics") }

func scrapePage(page string) ([]sample, error) {
	answer, err := client.Get("http://" + page)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, answer.Status)
	}
	return parse(answer.Body)
}

func parse(r io.Reader) ([]sample, error) {
	var all []sample
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("not a sample: %s", line)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("not a number: %s", line)
		}
		s := sample{m[1], map[string]string{}, value}
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			s.labels[pair[1]] = pair[2]
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

// tableOf collects the series of one metric that have the given labels, which
// are then left out of the text.
func tableOf(samples []sample, name string, having map[string]string) table {
	t := table{}
	for _, s := range samples {
		if s.name == name && has(s.labels, having) {
			t[labelText(s.labels, having)] += s.value
		}
	}
	return t
}

func has(labels, having map[string]string) bool {
	for k, v := range having {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func labelText(labels, except map[string]string) string {
	var parts []string
	for k, v := range labels {
		if _, left := except[k]; !left {
			parts = append(parts, k+"="+v)
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

func (t table) sum() (total float64) {
	for _, v := range t {
		total += v
	}
	return total
}

// differences names up to five series that are not equal.
func differences(name string, got, want table) error {
	var found []string
	for labels, w := range want {
		if g, there := got[labels]; !there {
			found = append(found, fmt.Sprintf("{%s} is missing, not %g", labels, w))
		} else if g != w {
			found = append(found, fmt.Sprintf("{%s} is %g, not %g", labels, g, w))
		}
	}
	for labels, g := range got {
		if _, there := want[labels]; !there {
			found = append(found, fmt.Sprintf("{%s} is %g, should not exist", labels, g))
		}
	}
	return listed(name, found, len(want))
}

// listed is an error with up to five of what was found among so many series; nil for none.
func listed(name string, found []string, among int) error {
	if found == nil {
		return nil
	}
	sort.Strings(found)
	text := strings.Join(found[:least(5, len(found))], "; ")
	return fmt.Errorf("%s: %d of %d series differ: %s", name, len(found), among, text)
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// waitFor asks until the answer is nil; it gives up, with the last answer, when
// a process the answer depends on has ended, or the guard's time is over.
func waitFor(what string, guard time.Duration, ask func() error, needed ...*process) error {
	deadline := time.Now().Add(guard)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		for _, p := range needed {
			if e := p.ended(); e != nil {
				return e
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s: %w", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
