package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are all of kroguard's own. The zero value counts nothing.
type Metrics struct {
	Admission      *Admission
	Guardrails     *Guardrails
	Policies       *Guardrails
	Renders        *Renders
	Snapshots      *Snapshots
	Configurations *Configurations
	Catalog        *Catalog
}

// New builds all metrics and registers them. expiry is when the serving certificate ends, zero where there is none; it is asked
// at each scrape.
func New(registerer prometheus.Registerer, expiry func() time.Time) (Metrics, error) {
	f := &factory{registerer: registerer}
	return newMetrics(f, expiry), f.err
}

// Describe describes all metrics that New registers, in the order in which people read of them.
func Describe() []Metric {
	f := &factory{registerer: prometheus.NewRegistry()}
	newMetrics(f, func() time.Time { return time.Time{} })
	return f.built
}

func newMetrics(f *factory, expiry func() time.Time) Metrics {
	m := Metrics{
		Admission: newAdmission(f), Guardrails: newGuardrails(f), Policies: newPolicies(f),
		Renders: newRenders(f), Snapshots: newSnapshots(f), Configurations: newConfigurations(f), Catalog: newCatalog(f),
	}
	f.timestamp("kroguard_certificate_expiry_timestamp_seconds", "When the serving certificate ends, in seconds since 1970.", expiry)
	return m
}
