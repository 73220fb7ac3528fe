package catalog_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
)

func TestRequestsAreCountedByRouteAndNeverByPath(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := telemetry.New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSnapshot(t)
	handler := catalog.NewHandler(catalog.HandlerOptions{
		Snapshot: func() *review.Snapshot { return s }, Log: logr.Discard(), Metrics: m.Catalog,
	})
	for _, target := range []string{
		"/", "/v1/namespaces/payments-dev/offerings", "/v1/namespaces/shop/offerings", "/v1/namespaces/absent/offerings",
		"/absent-1", "/absent-2/x", "/v1/../absent", "//",
	} {
		get(handler, target)
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", http.NoBody))
	tag := get(handler, "/openapi.json").Header().Get("ETag")
	get(handler, "/openapi.json", "If-None-Match", tag)

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, family := range families {
		if family.GetName() == "kroguard_catalog_request_duration_seconds" {
			for _, metric := range family.GetMetric() {
				got[metric.GetLabel()[1].GetValue()+" "+metric.GetLabel()[0].GetValue()] = metric.GetHistogram().GetSampleCount()
			}
		}
	}
	want := map[string]uint64{
		"/{$} 2xx": 1, "/v1/namespaces/{namespace}/offerings 2xx": 2, "/v1/namespaces/{namespace}/offerings 4xx": 1, "other 4xx": 4,
		"/{$} 4xx":          1, // what a clean path would have led to
		"/openapi.json 2xx": 1, "/openapi.json 3xx": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
