package rendering

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kroFile is a path in the module of kro that the control plane is built from.
func kroFile(t *testing.T, elements ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/kubernetes-sigs/kro").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{strings.TrimSpace(string(out))}, elements...)...)
}

// A network of thirteen resources in AWS, with the CustomResourceDefinitions of its controllers.
func TestANetworkOfThirteenResources(t *testing.T) {
	h.MustRun(t, "", "apply", "--server-side", "-R", "-f", kroFile(t, "test", "integration", "crds"))
	h.MustRun(t, "", "wait", "--for=condition=Established", "crd/vpcs.ec2.services.k8s.aws", "crd/securitygroups.ec2.services.k8s.aws", "--timeout="+eventually.String())
	h.MustRun(t, "", "apply", "--server-side", "-f", kroFile(t, "examples", "aws", "aws-accounts-factory", "01-network-stack.yaml"))
	h.MustRun(t, "", "wait", "--for=condition=Ready", "rgd/network-stack", "--timeout="+eventually.String())
	h.MustRun(t, "", "wait", "--for=condition=Established", "crd/networkstacks.kro.run", "--timeout="+eventually.String())
	guard(t, `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: network-size}
spec:
  match: {offerings: [network-stack]}
  cel: {validations: [{expression: resources.size() != 13, messageExpression: "'it becomes ' + resources.map(r, r.kind + '/' + r.metadata.name).join(' ')"}]}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: no-public-subnets}
spec:
  match: {offerings: [network-stack]}
  evaluate: Resources
  resources: {apiGroups: [ec2.services.k8s.aws], kinds: [Subnet]}
  cel: {validations: [{expression: "!object.spec.?mapPublicIPOnLaunch.orValue(false)", message: no public addresses, fieldPath: .spec.mapPublicIPOnLaunch}]}
`)
	refused(t, `
apiVersion: kro.run/v1alpha1
kind: NetworkStack
metadata: {name: shop, namespace: rendering}
spec: {vpcName: shop, cidrBlock: 10.1.0.0/16, region: eu-west-1, availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1c]}
`, "it becomes VPC/shop ", "NATGateway/shop-nat-1", "SecurityGroup/shop-eks-sg",
		"Subnet/shop-public-1 (node publicSubnets[0]), field .spec.mapPublicIPOnLaunch: no public addresses", "node publicSubnets[2]")
}
