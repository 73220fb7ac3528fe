package render_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
)

// The account factory is kro's largest example that nests: a network of nine resources and a cluster of four.
func TestNestedInstancesOfAWSAccountsExpandToTheirLeaves(t *testing.T) {
	var stack []render.Definition
	for _, e := range examples(t) {
		if filepath.Dir(e.path) == filepath.Join("aws", "aws-accounts-factory") {
			stack = append(stack, e.definition)
		}
	}
	crds := definitions(t)
	set, err := render.NewSet(t.Context(), stack, kinds.New(crds...), render.Options{}, nil)
	if err != nil || len(set.Failed()) > 0 {
		t.Fatal(err, set.Failed())
	}
	file := filepath.Join(kroDir(t), "examples", "aws", "aws-accounts-factory", "demo-account.yaml")
	instance := object(t, string(documents(t, file)[0]))
	g, err := set.Graph(schema.GroupKind{Group: "kro.run", Kind: "FullAccountInfrastructure"})
	if err != nil {
		t.Fatal(err)
	}
	g.Default(instance)
	got, err := set.Render(t.Context(), instance, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got.Resources {
		if r.Object == nil || r.KindUnknown == served(crds, r.GVK.Group, r.Resource.Resource) && r.Offering == "" && r.GVK.Kind != "Namespace" {
			t.Errorf("%s: %+v", r.Node, r)
		}
	}
	if diff := cmp.Diff([]string{
		"accountNamespace Resolved",
		"account Resolved: " + unknownKind + "Account.organizations.services.k8s.aws in version v1alpha1",
		`iamRoleSelector Partial: it waits for "account" .spec.arn [account.status.accountID schema.spec.accountRoleName] [account]`,
		"network Resolved",
		"network/vpc Resolved",
		"network/igw Resolved",
		"network/publicRouteTable Resolved",
		"network/publicSubnets[0] Resolved",
		"network/publicSubnets[1] Resolved",
		"network/eip1 Resolved",
		"network/natGateway1 Resolved",
		"network/privateRouteTable Resolved",
		"network/privateSubnets[0] Resolved",
		"network/privateSubnets[1] Resolved",
		"network/securityGroup Resolved",
		`eksCluster Partial: it waits for "network"` +
			" .spec.securityGroupIds[0] [network.status.securityGroupId] [network]" +
			" .spec.subnetIds [network.status.privateSubnetIds] [network]",
		"eksCluster/clusterRole Resolved",
		"eksCluster/nodeRole Resolved",
		`eksCluster/cluster Partial: it waits for "eksCluster/clusterRole", "network"` +
			" .spec.resourcesVPCConfig.securityGroupIDs [schema.spec.securityGroupIds] [network]" +
			" .spec.resourcesVPCConfig.subnetIDs [schema.spec.subnetIds] [network]" +
			" .spec.roleARN [clusterRole.status.ackResourceMetadata.arn] [eksCluster/clusterRole]",
		`eksCluster/nodeGroup Partial: it waits for "eksCluster/nodeRole", "network"` +
			" .spec.nodeRole [nodeRole.status.ackResourceMetadata.arn] [eksCluster/nodeRole]" +
			" .spec.subnets [schema.spec.subnetIds] [network]",
	}, summary(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func served(crds []*apiextensionsv1.CustomResourceDefinition, group, plural string) bool {
	for _, crd := range crds {
		if crd.Spec.Group == group && crd.Spec.Names.Plural == plural {
			return true
		}
	}
	return false
}

// All examples together: those that nest each other find each other's kinds.
func TestAllExamplesTogetherAreRendered(t *testing.T) {
	var all []render.Definition
	for _, e := range examples(t) {
		all = append(all, e.definition)
	}
	set, err := render.NewSet(t.Context(), all, kinds.New(definitions(t)...), render.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, err := range set.Failed() {
		t.Logf("%s: %v", kind, err)
	}
	var got [3]int
	for _, d := range all {
		g, err := set.Graph(schema.GroupKind{Group: "kro.run", Kind: d.Spec.Schema.Kind})
		if err != nil || g.Offering() != d.Name {
			continue
		}
		rendering, err := set.Render(t.Context(), sample(g.CRD(), true), nil)
		if err != nil {
			t.Logf("%s: %v", d.Name, err)
			continue
		}
		got[0]++
		got[1] += len(rendering.Resources)
		for _, r := range rendering.Resources {
			if r.Offering != "" {
				got[2]++
			}
		}
	}
	if diff := cmp.Diff([3]int{45, 287, 12}, got); diff != "" {
		t.Errorf("RGDs, resources, nested instances (-want +got):\n%s", diff)
	}
}
