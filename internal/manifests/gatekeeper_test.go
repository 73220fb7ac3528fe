package manifests_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/rego"
)

const constraints = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: seen}
spec:
  crd: {spec: {names: {kind: Seen}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package seen
      violation[{"msg": msg}] { msg := concat("/", ["cluster", kind, name]); data.inventory.cluster["v1"][kind][name] }
      violation[{"msg": msg}] { msg := concat("/", [ns, kind, name]); data.inventory.namespace[ns][_][kind][name] }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Seen
metadata: {name: all}
---
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config}
spec: {match: [{excludedNamespaces: [left-alone], processes: ["*"]}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: left-dev}
---
apiVersion: kro.run/v1alpha1
kind: App
metadata: {name: shop, namespace: left-dev}
---
apiVersion: kro.run/v1alpha1
kind: App
metadata: {name: shop, namespace: left-alone}
`

func newTemplates(t *testing.T) *gatekeeper.Compiler {
	t.Helper()
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := gatekeeper.NewCompiler(driver, rego.New(rego.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return compiler
}

func TestConstraintsOfFilesSeeAllObjects(t *testing.T) {
	c := new(manifests.Configuration)
	if err := c.Read(write(t, map[string]string{"a.yaml": constraints})); err != nil {
		t.Fatal(err)
	}
	made, err := c.Gatekeeper(t.Context(), newTemplates(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 1 || len(c.Others) != 2 {
		t.Fatalf("got %d policies and %d other objects", len(made), len(c.Others))
	}
	var got []string
	for i := range c.Others {
		request, err := c.Others[i].Request()
		if err != nil {
			t.Fatal(err)
		}
		in := policies.NewInput(policies.InputOptions{Request: request.Admission, Object: request.Object})
		if matches, err := made[0].Matches(in); err != nil || !matches {
			got = append(got, "left alone")
			continue
		}
		findings, err := made[0].Program.Evaluate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			got = append(got, finding.Message)
		}
	}
	want := []string{"cluster/Namespace/left-dev", "left-alone/App/shop", "left-dev/App/shop", "left alone"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConstraintsThatSayNothingAreErrors(t *testing.T) {
	c := new(manifests.Configuration)
	err := c.Read(write(t, map[string]string{"a.yaml": strings.Replace(constraints, `["cluster"`, `[unsafe`, 1) + `
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Unseen
metadata: {name: all}
`}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Gatekeeper(t.Context(), newTemplates(t))
	for _, part := range []string{
		"Gatekeeper Seen/all: invalid ConstraintTemplate: spec.targets[0].rego: line 2",
		"Gatekeeper Unseen/all: invalid constraint: there is no template of kind Unseen",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %s", err, part)
		}
	}
	if made, err := new(manifests.Configuration).Gatekeeper(t.Context(), newTemplates(t)); made != nil || err != nil {
		t.Errorf("got %v, %v of nothing", made, err)
	}
}
