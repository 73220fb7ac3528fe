package rendering

import (
	"context"
	"strings"
	"testing"
)

// apply applies manifests, and deletes them when the test ends.
func apply(t *testing.T, manifests string) {
	t.Helper()
	h.MustRun(t, manifests, "apply", "--server-side", "-f", "-")
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), manifests, "delete", "--ignore-not-found", "--wait=false", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
}

// guard is apply for guardrails, which are in force afterwards.
func guard(t *testing.T, manifests string) {
	t.Helper()
	apply(t, manifests)
	h.MustRun(t, manifests, "wait", "--for=condition=Ready", "--timeout="+eventually.String(), "-f", "-")
}

// refused applies an instance and demands a refusal with these parts.
func refused(t *testing.T, instance string, parts ...string) {
	t.Helper()
	answer := h.MustRefuse(t, instance, "apply", "-f", "-")
	for _, part := range append(parts, "(Forbidden)") {
		if !strings.Contains(answer, part) {
			t.Errorf("the answer lacks %q:\n%s", part, answer)
		}
	}
}

const noLatest = `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: no-latest}
spec:
  match: {offerings: [site, tenant], names: ["guarded*"]}
  evaluate: Resources
  resources: {apiGroups: [apps], kinds: [Deployment]}
  cel:
    validations:
      - expression: object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))
        messageExpression: "'an image of ' + instance.metadata.name + ' has the tag latest'"
        fieldPath: .spec.template.spec.containers
      - expression: object.spec.template.spec.containers.all(c, c.readinessProbe.tcpSocket.port > 0)
        message: a probe is needed
`

func site(name, spec string) string {
	return "apiVersion: kro.run/v1alpha1\nkind: Site\nmetadata: {name: " + name + ", namespace: rendering}\nspec: " + spec + "\n"
}

func TestAnInstanceIsRefusedForWhatItWouldBecome(t *testing.T) {
	guard(t, noLatest)
	refused(t, site("guarded", "{image: 'nginx:latest', probe: false, copies: []}"),
		"2 violations", "guardrail no-latest: Deployment/guarded (node deployment), field .spec.template.spec.containers: "+
			"an image of guarded has the tag latest", "a probe is needed")
	// kro runs, and has nothing to do.
	for _, kind := range []string{"sites", "deployments", "services", "serviceaccounts"} {
		if names := h.MustRun(t, "", "get", kind, "-n", "rendering", "-o", "name"); strings.Contains(names, "guarded") {
			t.Errorf("something was created: %s", names)
		}
	}
	apply(t, site("guarded", "{image: 'nginx:1.27', copies: []}"))
	h.MustRun(t, "", "wait", "--for=create", "deployment/guarded", "-n", "rendering", "--timeout="+eventually.String())
	refused(t, site("guarded", "{image: 'nginx:latest', copies: []}"), "Deployment/guarded (node deployment)")
}

func TestANestedInstanceIsExpandedToItsLeaves(t *testing.T) {
	guard(t, noLatest)
	refused(t, "apiVersion: kro.run/v1alpha1\nkind: Tenant\nmetadata: {name: guarded-tenant, namespace: rendering}\nspec: {image: 'nginx:latest'}\n",
		"guardrail no-latest: Deployment/guarded-tenant-site (node site/deployment)")
}

func TestWhatNobodyCanTellYet(t *testing.T) {
	policy := func(name, action string) string {
		return `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: ` + name + `}
spec:
  match: {offerings: [site], names: ["` + name + `"]}
  evaluate: Resources
  resources: {kinds: [ConfigMap]}
  onUnknown: ` + action + `
  cel:
    validations: [{expression: object.data.ip.startsWith('10.'), message: the address must be ours}]
`
	}
	const why = `nobody can tell yet, since .data.ip waits for "service": the address must be ours`
	t.Run("warns", func(t *testing.T) {
		guard(t, policy("unknown-warns", "Warn"))
		instance := site("unknown-warns", "{image: 'nginx:1.27', copies: []}")
		answer := h.MustRun(t, instance, "apply", "--dry-run=server", "-f", "-")
		if !strings.Contains(answer, "Warning: guardrail unknown-warns: ConfigMap/unknown-warns-address (node address): "+why) {
			t.Errorf("got %s", answer)
		}
	})
	t.Run("is refused where the guardrail says so", func(t *testing.T) {
		guard(t, policy("unknown-denies", "Deny"))
		refused(t, site("unknown-denies", "{image: 'nginx:1.27', copies: []}"), why)
	})
	t.Run("goes unsaid", func(t *testing.T) {
		guard(t, policy("unknown-allows", "Allow"))
		answer := h.MustRun(t, site("unknown-allows", "{image: 'nginx:1.27', copies: []}"), "apply", "--dry-run=server", "-f", "-")
		if strings.Contains(answer, "Warning") {
			t.Errorf("got %s", answer)
		}
	})
}

func TestAHugeGraphIsCutOff(t *testing.T) {
	var numbers []string
	for range 900 {
		numbers = append(numbers, "1")
	}
	huge := "{image: 'nginx:1.27', copies: [" + strings.Join(numbers, ",") + "]}"
	guard(t, strings.ReplaceAll(noLatest, "no-latest", "huge-guarded"))
	refused(t, site("guarded-huge", huge), `guardrail "huge-guarded" could not be evaluated`, "copies")
	guard(t, strings.ReplaceAll(strings.ReplaceAll(noLatest, "no-latest", "huge-ignored"), "spec:\n  match: {offerings: [site, tenant], names: [\"guarded*\"]}",
		"spec:\n  failurePolicy: Ignore\n  match: {names: [\"ignored-*\"]}"))
	h.MustRun(t, site("ignored-huge", huge), "apply", "--dry-run=server", "-f", "-")
}

func TestAnRGDThatDoesNotVerifyChangesNothing(t *testing.T) {
	guard(t, noLatest)
	const rgd = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: revised}
spec:
  schema: {apiVersion: v1alpha1, kind: Revised, spec: {image: string}}
  resources:
    - id: pod
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "${schema.metadata.name}"}
        data: {image: "IMAGE"}
`
	guard(t, `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: revised}
spec:
  match: {offerings: [revised]}
  evaluate: Resources
  cel: {validations: [{expression: object.data.image == 'verified', messageExpression: "'image is ' + object.data.image"}]}
`)
	if err := h.Publish(t.Context(), strings.Replace(rgd, "IMAGE", "verified", 1), "revised"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = h.Run(context.Background(), "", "delete", "rgd", "revised", "--wait=false") })
	h.MustRun(t, "", "wait", "graphrevisions.internal.kro.run/revised-r00001", "--for=condition=GraphVerified", "--timeout="+eventually.String())
	h.MustRun(t, strings.Replace(rgd, "IMAGE", "${nobody.spec.image}", 1), "apply", "--server-side", "--force-conflicts", "-f", "-")
	h.MustRun(t, "", "wait", "rgd/revised", "--for=condition=Ready=False", "--timeout="+eventually.String())
	instance := "apiVersion: kro.run/v1alpha1\nkind: Revised\nmetadata: {name: revised, namespace: rendering}\nspec: {image: x}\n"
	h.MustRun(t, instance, "apply", "--dry-run=server", "-f", "-")
}
