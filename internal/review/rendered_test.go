package review_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
)

// rendering are RGDs of which one has nothing to wait for, one waits for a Service, and one has more steps than there may be.
const rendering = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: plain}
spec:
  schema: {apiVersion: v1alpha1, kind: Plain, spec: {name: string}}
  resources:
    - {id: config, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.spec.name}"}}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: waiting}
spec:
  schema: {apiVersion: v1alpha1, kind: Waiting, spec: {name: string}}
  resources:
    - {id: service, template: {apiVersion: v1, kind: Service, metadata: {name: "${schema.spec.name}"}, spec: {ports: [{port: 80}]}}}
    - {id: config, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {ip: "${service.spec.clusterIP}"}}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: huge}
spec:
  schema: {apiVersion: v1alpha1, kind: Huge, spec: {name: string, list: "[]integer"}}
  resources:
    - id: config
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "${schema.spec.name}"}
        data: {sum: "${string(schema.spec.list.filter(a, schema.spec.list.exists(b, schema.spec.list.exists(c, c + b == a + 100000))).size())}"}
`

func TestRenderingsAreCountedByWhatCameOfThem(t *testing.T) {
	c := new(manifests.Configuration)
	if err := c.ReadFrom("rendering.yaml", strings.NewReader(rendering)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Snapshot(t.Context(), celCompiler(t), review.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.TrimSuffix(strings.Repeat("1,", 300), ",")
	for _, test := range []struct {
		kind, spec string
		want       telemetry.RenderState
	}{
		{"Plain", `{"name":"x"}`, telemetry.RenderComplete},
		{"Waiting", `{"name":"x"}`, telemetry.RenderPartial},
		{"Huge", `{"name":"x","list":[` + long + `]}`, telemetry.RenderLimit},
		{"Unheard", `{}`, telemetry.RenderFailed},
	} {
		t.Run(test.kind, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			m, err := telemetry.New(registry, nil)
			if err != nil {
				t.Fatal(err)
			}
			counted := *s
			counted.Renders = m.Renders
			admission := &admissionv1.AdmissionRequest{
				Operation: admissionv1.Create, Namespace: "n", Name: "x", Kind: metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: test.kind},
			}
			admission.Object.Raw = fmt.Appendf(nil, `{"apiVersion":"kro.run/v1alpha1","kind":%q,"metadata":{"name":"x","namespace":"n"},"spec":%s}`,
				test.kind, test.spec)
			request, err := review.NewRequest(admission)
			if err != nil {
				t.Fatal(err)
			}
			_, failure := counted.Render(t.Context(), request)
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]uint64{}
			for _, family := range families {
				if family.GetName() == "kroguard_render_duration_seconds" {
					for _, metric := range family.GetMetric() {
						got[metric.GetLabel()[0].GetValue()] = metric.GetHistogram().GetSampleCount()
					}
				}
			}
			if len(got) != 4 || got[string(test.want)] != 1 {
				t.Errorf("got %v, want one that is %s: %v", got, test.want, failure)
			}
		})
	}
}
