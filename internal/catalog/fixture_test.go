package catalog_test

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
)

const platform = `
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: payments}
spec:
  namespaces: {names: [payments-dev]}
  labels: {enforced: {team: pay}}
  offerings:
    deny: [{categories: [secret]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: payments-dev}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: database
  annotations:
    kroguard.io/catalog: "true"
    kroguard.io/title: A <database>
    kroguard.io/description: Postgres, kept for you
    kroguard.io/category: data
    kroguard.io/icon: database
    kroguard.io/tags: "sql, HA"
    kroguard.io/property-order: "size, engine"
    kroguard.io/defaults: "{size: small, storage: {class: fast}}"
    kroguard.io/defaults.payments: "{size: large}"
    kroguard.io/labels: '{size: "${object.spec.size}", engine: "${object.spec.engine}"}'
    kroguard.io/docs-url: https://docs.example.com/database
spec:
  schema:
    apiVersion: v1alpha1
    kind: Database
    types:
      Port: {name: 'string | required=true', port: 'integer | minimum=1 maximum=10 default=5'}
    spec:
      size: string | enum="small,large"
      engine: string | required=true pattern="^[a-z]{3}-[0-9]+$"
      replicas: integer | required=true minimum=2 maximum=5
      ratio: float | default=0.5
      backups: boolean | default=true
      storage: {class: string, gb: integer | default=10}
      ports: "[]Port"
      annotations: "map[string]string"
      free: object
      retention: integer
  resources:
    - id: config
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "${schema.metadata.name}"}
        data: {engine: "${schema.spec.engine}"}
    - id: backup
      includeWhen: ["${schema.spec.backups}"]
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "${schema.metadata.name}-backup"}
        data: {ip: "${service.spec.clusterIP}", days: "${string(schema.spec.retention)}", engine: "${schema.spec.engine}"}
    - id: service
      template:
        apiVersion: v1
        kind: Service
        metadata: {name: "${schema.metadata.name}"}
        spec: {ports: [{port: 80}]}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: database-plus
  annotations: {kroguard.io/catalog: "true", kroguard.io/extends-kind: Database, kroguard.io/deprecated: use databases}
spec:
  schema: {apiVersion: v1alpha1, kind: DatabasePlus, spec: {name: string}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: vault
  annotations: {kroguard.io/catalog: "true", kroguard.io/category: secret}
spec:
  schema: {apiVersion: v1alpha1, kind: Vault, spec: {name: string}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: fleet
  annotations: {kroguard.io/catalog: "true"}
spec:
  schema: {apiVersion: v1alpha1, kind: Fleet, scope: Cluster, spec: {name: string}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: internal}
spec:
  schema: {apiVersion: v1alpha1, kind: Internal, spec: {name: string}}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: engines}
spec:
  title: Known engines
  severity: High
  remediation: Take pgs.
  match: {offerings: [database], projects: [payments]}
  cel:
    validations: [{expression: "object.spec.engine.startsWith('pgs')", message: no such engine, fieldPath: .spec.engine}]
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: by-name}
spec:
  match: {names: ["prod-*"]}
  evaluate: Resources
  validationActions: [Warn]
  cel: {validations: [{expression: "true", message: x}]}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: elsewhere}
spec:
  match: {namespaces: [elsewhere]}
  cel: {validations: [{expression: "true", message: x}]}
`

// snapshotOf compiles a platform.
func snapshotOf(tb testing.TB, c *manifests.Configuration) *review.Snapshot {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	snapshot, err := c.Snapshot(tb.Context(), policies.NewCompiler(driver, driver, rego.New(rego.Options{})),
		review.Settings{LabelKeys: labeling.DefaultKeys(), KroUsers: []string{"kro"}})
	if snapshot == nil {
		tb.Fatal(err)
	}
	return snapshot
}

func newSnapshot(tb testing.TB) *review.Snapshot {
	tb.Helper()
	c := new(manifests.Configuration)
	if err := c.ReadFrom("platform.yaml", strings.NewReader(platform)); err != nil {
		tb.Fatal(err)
	}
	return snapshotOf(tb, c)
}

// rights are what a caller may do: "verb resource namespace", with * for any.
type rights []string

func (r rights) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	for _, right := range r {
		parts := strings.Fields(right)
		among := func(have, asked string) bool { return have == "*" || have == asked || asked == "" && have == "-" }
		if among(parts[0], a.GetVerb()) && among(parts[1], a.GetResource()) && among(parts[2], a.GetNamespace()) {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func caller(may ...string) *catalog.Caller {
	return &catalog.Caller{User: &user.DefaultInfo{Name: "anna", Groups: []string{"developers"}}, Rights: authorizer.AuthorizerFunc(rights(may).Authorize)}
}
