// SPDX-License-Identifier: Apache-2.0

// Serves the series of a page in the text format, read from standard input, by way of client_golang: what the same
// numbers cost there. The port is the first line on standard output.
package main

import (
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func labelNames(family *dto.MetricFamily) []string {
	var names []string
	for _, pair := range family.Metric[0].Label {
		names = append(names, pair.GetName())
	}
	return names
}

func labels(metric *dto.Metric) prometheus.Labels {
	made := prometheus.Labels{}
	for _, pair := range metric.Label {
		made[pair.GetName()] = pair.GetValue()
	}
	return made
}

func histogram(family *dto.MetricFamily) prometheus.Collector {
	var bounds []float64
	for _, bucket := range family.Metric[0].Histogram.Bucket {
		if !math.IsInf(bucket.GetUpperBound(), 1) {
			bounds = append(bounds, bucket.GetUpperBound())
		}
	}
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: family.GetName(), Help: family.GetHelp(), Buckets: bounds},
		labelNames(family))
	for _, metric := range family.Metric {
		observer, before := vec.With(labels(metric)), uint64(0)
		for _, bucket := range metric.Histogram.Bucket {
			value := math.Min(bucket.GetUpperBound(), 2*bounds[len(bounds)-1])
			for ; before < bucket.GetCumulativeCount(); before++ {
				observer.Observe(value)
			}
		}
	}
	return vec
}

// Summaries are shown as they were read, as client_golang's own collector shows that of Go's garbage collector.
type summary struct{ metrics []prometheus.Metric }

func (s summary) Describe(descs chan<- *prometheus.Desc) {
	descs <- s.metrics[0].Desc()
}

func (s summary) Collect(metrics chan<- prometheus.Metric) {
	for _, metric := range s.metrics {
		metrics <- metric
	}
}

func newSummary(family *dto.MetricFamily) (made summary) {
	desc := prometheus.NewDesc(family.GetName(), family.GetHelp(), nil, labels(family.Metric[0]))
	for _, metric := range family.Metric {
		quantiles := map[float64]float64{}
		for _, quantile := range metric.Summary.Quantile {
			quantiles[quantile.GetQuantile()] = quantile.GetValue()
		}
		made.metrics = append(made.metrics, prometheus.MustNewConstSummary(desc, metric.Summary.GetSampleCount(),
			metric.Summary.GetSampleSum(), quantiles))
	}
	return made
}

func collector(family *dto.MetricFamily) prometheus.Collector {
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: family.GetName(), Help: family.GetHelp()}, labelNames(family))
		for _, metric := range family.Metric {
			vec.With(labels(metric)).Add(metric.Counter.GetValue())
		}
		return vec
	case dto.MetricType_HISTOGRAM:
		return histogram(family)
	case dto.MetricType_SUMMARY:
		return newSummary(family)
	default:
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: family.GetName(), Help: family.GetHelp()}, labelNames(family))
		for _, metric := range family.Metric {
			vec.With(labels(metric)).Set(metric.Gauge.GetValue())
		}
		return vec
	}
}

func main() {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	for _, family := range families {
		registry.MustRegister(collector(family))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true,
		EnableOpenMetricsTextCreatedSamples: true}))
	log.Fatal(http.Serve(listener, nil))
}
