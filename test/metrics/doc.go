// Package metrics holds what is written in PromQL to the metrics that kroguard has: the chart's dashboard and alerts, and the
// queries of docs/metrics.md. A query by a metric that was renamed is no error to Prometheus, and an alert on it never fires.
package metrics
