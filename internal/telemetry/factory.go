package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Type is the type of a metric.
type Type string

// The types, as the text format names them.
const (
	TypeCounter   Type = "counter"
	TypeGauge     Type = "gauge"
	TypeHistogram Type = "histogram"
)

// Metric describes one of kroguard's metrics.
type Metric struct {
	Name   string
	Type   Type
	Labels []string
	Help   string
}

// factory builds metrics, registers them, and remembers what it built.
type factory struct {
	registerer prometheus.Registerer
	built      []Metric
	// err is that of the first registration that failed.
	err error
}

func (f *factory) add(metric Metric, collector prometheus.Collector) {
	f.built = append(f.built, metric)
	if f.err == nil {
		f.err = f.registerer.Register(collector)
	}
}

func (f *factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.add(Metric{Name: name, Type: TypeCounter, Labels: labels, Help: help}, vec)
	return vec
}

func (f *factory) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	f.add(Metric{Name: name, Type: TypeGauge, Labels: labels, Help: help}, vec)
	return vec
}

func (f *factory) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	f.add(Metric{Name: name, Type: TypeHistogram, Labels: labels, Help: help}, vec)
	return vec
}

// timestamp is a gauge that is read when it is scraped. There is none while the time is zero.
func (f *factory) timestamp(name, help string, read func() time.Time) {
	f.add(Metric{Name: name, Type: TypeGauge, Help: help}, &timestamp{desc: prometheus.NewDesc(name, help, nil, nil), read: read})
}

// reported is a gauge of 0 or 1 that is read when it is scraped.
func (f *factory) reported(name, help string, read func() bool) {
	f.add(Metric{Name: name, Type: TypeGauge, Help: help}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if read() {
			return 1
		}
		return 0
	}))
}

// timestamp is a point in time in seconds since 1970.
type timestamp struct {
	desc *prometheus.Desc
	read func() time.Time
}

var _ prometheus.Collector = (*timestamp)(nil)

// Describe implements prometheus.Collector.
func (t *timestamp) Describe(descs chan<- *prometheus.Desc) { descs <- t.desc }

// Collect implements prometheus.Collector.
func (t *timestamp) Collect(metrics chan<- prometheus.Metric) {
	if at := t.read(); !at.IsZero() {
		metrics <- prometheus.MustNewConstMetric(t.desc, prometheus.GaugeValue, float64(at.UnixMilli())/1000)
	}
}
