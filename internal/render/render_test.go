package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/render"
)

const webApp = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: webapp}
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    spec:
      image: string
      replicas: integer | default=2
      hosts: '[]string'
      monitoring: boolean | default=false
  resources:
  - id: deployment
    readyWhen: ["${deployment.status.readyReplicas > 0}"]
    template:
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: ${schema.metadata.name}
        labels: {app: "${schema.metadata.name}"}
      spec:
        replicas: ${schema.spec.replicas}
        selector: {matchLabels: {app: x}}
        template:
          metadata: {labels: {app: x}}
          spec:
            containers:
            - name: app
              image: ${schema.spec.image}
  - id: service
    template:
      apiVersion: v1
      kind: Service
      metadata: {name: "${deployment.metadata.name}-svc"}
      spec:
        ports: [{port: 80}]
  - id: endpoint
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "${schema.metadata.name}-endpoint"}
      data:
        ip: http://${service.spec.clusterIP}:80
        name: ${service.metadata.name}
  - id: monitor
    includeWhen: ["${schema.spec.monitoring}"]
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: monitor}
  - id: hosts
    forEach: [{host: "${schema.spec.hosts}"}]
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "${schema.metadata.name}-${host}"}
`

func TestRenderingShowsWhatKroSends(t *testing.T) {
	set := newSet(t, render.Options{}, webApp)
	got, err := set.Render(t.Context(), object(t, `
apiVersion: kro.run/v1alpha1
kind: WebApp
metadata: {name: shop, namespace: team-a, uid: 3f}
spec: {image: "nginx:1", replicas: 3, monitoring: false, hosts: [a, b]}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"deployment Resolved",
		"service Resolved",
		`endpoint Partial: it waits for "service" .data.ip [service.spec.clusterIP] [service]`,
		"monitor Skipped: includeWhen ${schema.spec.monitoring} is false",
		"hosts[0] Resolved",
		"hosts[1] Resolved",
	}, summary(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(object(t, `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  namespace: team-a
  labels:
    app: shop
    app.kubernetes.io/managed-by: kro
    applyset.kubernetes.io/part-of: applyset-wtAHwr0jW7s3w2WG8Y3_vsWjwpAdBKVibZ9QvXNCr_U-v1
    kro.run/instance-group: kro.run
    kro.run/instance-kind: WebApp
    kro.run/instance-name: shop
    kro.run/instance-namespace: team-a
    kro.run/instance-version: v1alpha1
    kro.run/node-id: deployment
    kro.run/owned: "true"
  annotations: {internal.kro.run/apply-order: "1"}
spec:
  replicas: 3
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: app, image: "nginx:1"}]}
`), got.Resources[0].Object); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
