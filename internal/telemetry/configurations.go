package telemetry

import "github.com/prometheus/client_golang/prometheus"

// DriftReason is what somebody else did to a webhook configuration.
type DriftReason string

// The reasons.
const (
	DriftChanged DriftReason = "changed"
	DriftDeleted DriftReason = "deleted"
)

// Configurations counts what is written of the webhook configurations. A nil Configurations counts nothing. It is safe for
// concurrent use.
type Configurations struct {
	writes prometheus.Counter
	drift  *prometheus.CounterVec
}

func newConfigurations(f *factory) *Configurations {
	c := &Configurations{
		writes: f.counter("kroguard_webhook_configuration_writes_total",
			"Webhook configurations that were created or updated.").WithLabelValues(),
		drift: f.counter("kroguard_webhook_configuration_drift_total",
			"Webhook configurations that somebody else changed or deleted, and that were put back, by reason (changed, deleted).", "reason"),
	}
	for _, reason := range []DriftReason{DriftChanged, DriftDeleted} {
		c.drift.WithLabelValues(string(reason)) // a rate needs the zero that comes before
	}
	return c
}

// CountWrite counts one configuration that was written.
func (c *Configurations) CountWrite() {
	if c != nil {
		c.writes.Inc()
	}
}

// CountDrift counts one configuration that was put back.
func (c *Configurations) CountDrift(reason DriftReason) {
	if c != nil {
		c.drift.WithLabelValues(string(reason)).Inc()
	}
}
