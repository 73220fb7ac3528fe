package rendering

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

const policyOnDeployments = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: registries}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  validations:
    - expression: object.spec.template.spec.containers.all(c, c.image.startsWith(params.data.registry))
      messageExpression: "'images are from ' + params.data.registry"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: registries}
spec:
  policyName: registries
  paramRef: {name: registries, namespace: rendering, parameterNotFoundAction: Deny}
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: rendering}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: registries, namespace: rendering}
data: {registry: registry.example.com/}
`

func TestAPolicyThatWouldStopKroStopsTheDeveloper(t *testing.T) {
	apply(t, policyOnDeployments)
	instance := site("policed", "{image: 'docker.io/nginx:1.27', copies: []}")
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		answer, err := h.Run(ctx, instance, "apply", "--dry-run=server", "-f", "-")
		const want = "ValidatingAdmissionPolicy registries/registries: Deployment/policed (node deployment): images are from registry.example.com/"
		if err == nil && !strings.Contains(answer.Text, want) {
			return fmt.Errorf("got %s", answer.Text)
		}
		return err
	})
	h.MustRun(t, site("policed", "{image: 'registry.example.com/nginx:1.27', copies: []}"), "apply", "--dry-run=server", "-f", "-")
	// Params count as they are now.
	h.MustRun(t, "", "patch", "configmap", "registries", "-n", "rendering", "--type=merge", "-p", `{"data":{"registry":"docker.io/"}}`)
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		answer, err := h.Run(ctx, instance, "apply", "--dry-run=server", "-f", "-")
		if err == nil && !answer.OK {
			return fmt.Errorf("got %s", answer.Text)
		}
		return err
	})
}
