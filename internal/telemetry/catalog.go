package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Catalog counts requests to the catalog. A nil Catalog counts nothing. It is safe for concurrent use.
type Catalog struct {
	requests *prometheus.HistogramVec
}

func newCatalog(f *factory) *Catalog {
	return &Catalog{requests: f.histogram("kroguard_catalog_request_duration_seconds",
		"Time to answer a request to the catalog, by route and by class of HTTP status (2xx, 3xx, 4xx, 5xx).",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "route", "code")}
}

// Observe counts one answered request. The route is a pattern, of which there are few, and never a path.
func (c *Catalog) Observe(route string, status int, took time.Duration) {
	if c != nil {
		c.requests.WithLabelValues(route, class(status)).Observe(took.Seconds())
	}
}

// class is that of an HTTP status.
func class(status int) string {
	switch {
	case status < 300:
		return "2xx"
	case status < 400:
		return "3xx"
	case status < 500:
		return "4xx"
	}
	return "5xx"
}
