package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/render"
)

func TestFieldsThatMatterOnlyWhereSomethingHolds(t *testing.T) {
	const graph = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: app}
spec:
  schema:
    apiVersion: v1
    kind: App
    spec:
      name: string
      both: string
      backup: {enabled: boolean, days: integer, kind: string}
      hosts: "[]string"
      tls: boolean
      text: string
      whole: {a: string}
      unread: string
  resources:
  - id: always
    template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.spec.name}"}, data: {both: "${schema.spec.both}", a: "${schema.spec.whole.a}"}}
  - id: backup
    includeWhen: ["${schema.spec.backup.enabled}"]
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "${schema.spec.name}-backup"}
      data: {days: "every ${string(schema.spec.backup.days)} days", kind: "${schema.spec.?backup.kind.orValue('x')}", both: "${schema.spec.both}"}
  - id: route
    includeWhen: ["${schema.spec.tls}", "${size(schema.spec.hosts) > 0}"]
    forEach:
    - host: ${schema.spec.hosts}
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "${schema.spec.text.lowerAscii()}-${host}"}
      data: {whole: "${string(size(schema.spec.whole.a))}"}
`
	got := compiled(t, newSet(t, render.Options{}, graph), "App.kro.run").Conditions()
	want := []render.Condition{
		{Field: "spec.backup.days", When: "${schema.spec.backup.enabled}"},
		{Field: "spec.backup.kind", When: "${schema.spec.backup.enabled}"},
		{Field: "spec.text", When: "${schema.spec.tls} and ${size(schema.spec.hosts) > 0}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
