package defaulting_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const webApp = `
metadata:
  name: webapp
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    spec:
      image: string
      size: string | default="small" enum="small,medium,large"
      replicas: integer | default=1
      region: string
      host: string
      url: string
      tags: "[]string"
      free: object
      resources:
        cpu: string
        memory: string | default="256Mi"
      backup:
        bucket: string | required=true
        schedule: string
`

// variables are those of an instance in project payments.
func variables() expression.Variables {
	return expression.Variables{
		Project: map[string]any{"name": "payments", "parameters": map[string]any{
			"region": "eu-west-1", "resources": map[string]any{"cpu": "2", "memory": "4Gi"},
		}},
		Namespace: map[string]any{"name": "payments-dev", "labels": map[string]any{"env": "dev"}, "annotations": map[string]any{}},
	}
}

// run defaults an object and records it, as the pipeline does, and runs again as the API server does when it calls a webhook
// anew. The second run must change nothing.
func run(t testing.TB, o *offering.Offering, object, oldObject map[string]any, manager string) (map[string]any, *defaulting.Result) {
	t.Helper()
	first, result := once(o, object, oldObject, manager)
	_, again := once(o, first, oldObject, manager)
	if operations := patch.Operations(first, again.Sets()); len(operations) > 0 {
		t.Errorf("called again, it patches: %v", operations)
	}
	if got, want := again.Claims().String(), result.Claims().String(); got != want {
		t.Errorf("called again, it records %s instead of %s", got, want)
	}
	return first, result
}

func once(o *offering.Offering, object, oldObject map[string]any, manager string) (map[string]any, *defaulting.Result) {
	result := defaulting.Compute(defaulting.Input{
		Change:      defaulting.Examine(object, oldObject, manager, o),
		Offering:    o,
		ProjectName: "payments",
		Variables:   variables(),
	})
	sets := result.Sets()
	if _, recorded := patch.Get(object, annotation()); recorded || len(result.Claims()) > 0 {
		sets = append(sets, patch.Set{Path: annotation(), Value: result.Claims().String()})
	}
	return patch.Apply(object, sets), result
}

func annotation() []string { return []string{"metadata", "annotations", v1alpha1.AnnotationInjected} }

// injected renders what is injected as "path value source".
func injected(result *defaulting.Result) []string {
	var lines []string
	for _, i := range result.Injections {
		value, _ := json.Marshal(i.Value)
		lines = append(lines, provenance.Format(i.Path)+" "+string(value)+" "+i.Source)
	}
	return lines
}

// skipped renders what is skipped as "path source: reason".
func skipped(result *defaulting.Result) []string {
	var lines []string
	for _, s := range result.Skipped {
		lines = append(lines, provenance.Format(s.Path)+" "+s.Source+": "+s.Reason)
	}
	return lines
}
