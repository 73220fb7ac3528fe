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

// Certificate is what is told of the serving certificate. It is asked at each scrape.
type Certificate interface {
	// NotAfter is when the certificate ends; zero where there is none.
	NotAfter() time.Time
	// Pending reports whether a certificate is waited for.
	Pending() bool
}

// New builds all metrics and registers them; certificate may be nil.
func New(registerer prometheus.Registerer, certificate Certificate) (Metrics, error) {
	f := &factory{registerer: registerer}
	if certificate == nil {
		certificate = noCertificate{}
	}
	return newMetrics(f, certificate), f.err
}

// noCertificate is none, and waits for none.
type noCertificate struct{}

// NotAfter is that of no certificate.
func (noCertificate) NotAfter() time.Time { return time.Time{} }

// Pending is false.
func (noCertificate) Pending() bool { return false }

// Describe describes all metrics that New registers, in the order in which people read of them.
func Describe() []Metric {
	f := &factory{registerer: prometheus.NewRegistry()}
	newMetrics(f, noCertificate{})
	return f.built
}

func newMetrics(f *factory, certificate Certificate) Metrics {
	m := Metrics{
		Admission: newAdmission(f), Guardrails: newGuardrails(f), Policies: newPolicies(f),
		Renders: newRenders(f), Snapshots: newSnapshots(f), Configurations: newConfigurations(f), Catalog: newCatalog(f),
	}
	f.timestamp("kroguard_certificate_expiry_timestamp_seconds", "When the serving certificate ends, in seconds since 1970.",
		certificate.NotAfter)
	f.reported("kroguard_certificate_pending", "Whether a serving certificate is waited for (1), the first or a renewed one.", certificate.Pending)
	return m
}
