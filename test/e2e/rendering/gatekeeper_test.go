package rendering

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

var (
	//go:embed testdata/gatekeeper-crds.yaml
	gatekeeperCRDs string
	//go:embed testdata/gatekeeper-templates.yaml
	gatekeeperTemplates string
)

// withGatekeeper installs Gatekeeper's kinds, while kroguard runs, and templates.
func withGatekeeper(t *testing.T) {
	t.Helper()
	h.MustRun(t, gatekeeperCRDs, "apply", "-f", "-")
	h.MustRun(t, gatekeeperCRDs, "wait", "--for=condition=Established", "--timeout="+eventually.String(), "-f", "-")
	apply(t, gatekeeperTemplates)
}

// answers waits until an instance is answered in a way.
func answers(t *testing.T, instance string, ok bool, parts ...string) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		answer, err := h.Run(ctx, instance, "apply", "--dry-run=server", "-f", "-")
		if err != nil {
			return err
		}
		for _, part := range parts {
			if !strings.Contains(answer.Text, part) {
				return fmt.Errorf("the answer lacks %q: %s", part, answer.Text)
			}
		}
		if answer.OK != ok {
			return fmt.Errorf("got %s", answer.Text)
		}
		return nil
	})
}

const deploymentRules = `
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: DeploymentRules
metadata: {name: rendering}
spec:
  match:
    kinds: [{apiGroups: [apps], kinds: [Deployment]}]
    namespaces: [rendering]
  parameters: {probes: [readinessProbe, livenessProbe]}
`

func TestAConstraintOnDeploymentsRefusesTheInstance(t *testing.T) {
	withGatekeeper(t)
	apply(t, deploymentRules)
	bad, good := site("constrained", "{image: 'nginx:latest', copies: []}"), site("constrained", "{image: 'nginx:1.27', copies: []}")
	const (
		policy = "Gatekeeper DeploymentRules/rendering: Deployment/constrained (node deployment): "
		latest = policy + "container web has the tag latest"
		probe  = policy + "container web has no livenessProbe"
	)
	answers(t, bad, false, latest, probe)
	refused(t, bad, "2 violations", latest, probe)
	for _, kind := range []string{"sites", "deployments", "services", "serviceaccounts"} {
		if names := h.MustRun(t, "", "get", kind, "-n", "rendering", "-o", "name"); strings.Contains(names, "constrained") {
			t.Errorf("something was created: %s", names)
		}
	}
	text := planned(t, bad, "--policy-source", "Gatekeeper")
	if !strings.Contains(text, "It would be refused: 2 violations") || !strings.Contains(text, latest) {
		t.Errorf("the plan lacks the refusal:\n%s", text)
	}

	// Constraints count as they are now.
	change := func(patch string) {
		h.MustRun(t, "", "patch", "deploymentrules", "rendering", "--type=merge", "-p", patch)
	}
	change(`{"spec":{"parameters":{"probes":["readinessProbe"]}}}`)
	answers(t, good, true)
	answers(t, bad, false, latest)
	change(`{"spec":{"enforcementAction":"warn"}}`)
	answers(t, bad, true, "Warning: "+latest)
	change(`{"spec":{"enforcementAction":"deny","match":{"namespaces":["elsewhere"]}}}`)
	answers(t, bad, true)
	change(`{"spec":{"match":{"namespaces":["rendering"]}}}`)
	answers(t, bad, false, latest)

	// What Gatekeeper leaves alone is left alone.
	config := `{apiVersion: config.gatekeeper.sh/v1alpha1, kind: Config, metadata: {name: config, namespace: default},
spec: {match: [{excludedNamespaces: ["render*"], processes: ["*"]}]}}`
	apply(t, config)
	answers(t, bad, true)
	h.MustRun(t, config, "delete", "-f", "-")
	answers(t, bad, false, latest)
	h.MustRun(t, "", "label", "namespace", "rendering", "admission.gatekeeper.sh/ignore=true")
	answers(t, bad, true)
	h.MustRun(t, "", "label", "namespace", "rendering", "admission.gatekeeper.sh/ignore-")
	answers(t, bad, false, latest)
}

func TestAConstraintOnAnInstanceSeesTheInventory(t *testing.T) {
	withGatekeeper(t)
	apply(t, `
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: KnownImages
metadata: {name: sites}
spec:
  match:
    kinds: [{apiGroups: [kro.run], kinds: [Site]}]
`)
	instance := site("inventoried", "{image: 'nginx:1.27', copies: []}")
	answers(t, instance, false, "Gatekeeper KnownImages/sites: Site/inventoried: image nginx:1.27 is not in the list of ")
	apply(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: known-images, namespace: default}, data: {web: "nginx:1.27"}}`)
	answers(t, instance, true)
	h.MustRun(t, "", "delete", "configmap", "known-images", "-n", "default")
	answers(t, instance, false, "image nginx:1.27 is not in the list of ")
}
