package rego_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestInputDocument compares the whole document that a policy sees with testdata/<name>.json.
func TestInputDocument(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		params string
		change func(*policies.InputOptions)
	}{
		"create": {
			params: `{"labels":["team"],"limit":9007199254740993}`,
			change: func(*policies.InputOptions) {},
		},
		"update-of-a-rendered-resource": {
			change: func(options *policies.InputOptions) {
				options.Request.Operation = admissionv1.Update
				options.Instance = options.Object
				options.Object = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"replicas": int64(3)}}
				options.OldObject = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"replicas": int64(2)}}
			},
		},
		"cluster-scoped-without-project-and-offering": {
			params: `null`,
			change: func(options *policies.InputOptions) {
				*options = policies.InputOptions{Object: map[string]any{"apiVersion": "kro.run/v1alpha1", "kind": "Tenant"}}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			options := review()
			test.change(&options)
			g := guardrail(v1alpha1.RegoV1, test.params, module("package guardrail\ndeny := json.marshal(input)"))
			findings, err := mustCompile(t, newDriver(), g).Evaluate(context.Background(), policies.NewInput(options))
			if err != nil || len(findings) != 1 {
				t.Fatalf("got %v, %v; want one finding", findings, err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(findings[0].Message), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("input document (-want +got):\n%s\n%s", diff, got.String())
			}
		})
	}
}

// TestInputKeepsNumbers shows that what the decoder made an int64 or a float64 is the same number in Rego.
func TestInputKeepsNumbers(t *testing.T) {
	t.Parallel()
	object := webApp()
	object["spec"] = map[string]any{"big": int64(9007199254740993), "half": 0.5, "one": 1.0, "tiny": 5e-324, "min": int64(-9223372036854775808)}
	program := mustCompile(t, newDriver(), v1Guardrail(`package guardrail
		spec := input.review.object.spec
		deny contains "exact" if {
			spec.big == 9007199254740993
			spec.half == 0.5
			spec.one == 1
			spec.tiny == 5e-324
			spec.min == -9223372036854775808
		}`))
	got, err := program.Evaluate(context.Background(), objectInput(object))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]policies.Finding{{Message: "exact"}}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestInputIsConvertedOnce shows it by a change that a second conversion would see.
func TestInputIsConvertedOnce(t *testing.T) {
	t.Parallel()
	program := mustCompile(t, newDriver(), v1Guardrail("package guardrail\ndeny contains input.review.object.kind"))
	input := policies.NewInput(review())
	for range 2 {
		got, err := program.Evaluate(context.Background(), input)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]policies.Finding{{Message: "WebApp"}}, got); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
		input.Object["kind"] = "Changed"
	}
}

func TestInputThatIsNoJSONIsAnError(t *testing.T) {
	t.Parallel()
	object := webApp()
	object["spec"] = make(chan int)
	program := mustCompile(t, newDriver(), v1Guardrail("package guardrail\ndeny contains \"a\" if input.review.object.spec"))
	findings, err := program.Evaluate(context.Background(), objectInput(object))
	if err == nil {
		t.Errorf("got findings %v, want an error", findings)
	}
}
