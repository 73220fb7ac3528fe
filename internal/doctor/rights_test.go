package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// What is asked for is what the manifests grant, in their order.
func TestNeededRulesAreThoseOfTheManifests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got [2][]rbacv1.PolicyRule
	documents := bytes.Split(bytes.TrimPrefix(text, []byte("---\n")), []byte("\n---\n"))
	if len(documents) != len(got) {
		t.Fatalf("%d documents, want a ClusterRole and a Role", len(documents))
	}
	for i, document := range documents {
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict(document, role); err != nil {
			t.Fatal(err)
		}
		got[i] = role.Rules
	}
	if diff := cmp.Diff(got[0], neededRules()); diff != "" {
		t.Errorf("rules (-config/rbac/role.yaml +here):\n%s", diff)
	}
	for _, verb := range neededNamespacedRules("secret")[0].Verbs {
		if len(got[1]) != 1 || !slices.Contains(got[1][0].Verbs, verb) {
			t.Errorf("config/rbac/role.yaml does not grant %s on Secrets: %+v", verb, got[1])
		}
	}
}

func TestMissingRightsAreToldByKind(t *testing.T) {
	wanted := append(rights(neededRules(), ""), rights(neededNamespacedRules("secret"), "guard")...)
	missing, err := lacking(t.Context(), wanted, func(_ context.Context, right *authorizationv1.ResourceAttributes) (bool, error) {
		return right.Resource != "secrets" && right.Subresource == "" && right.Name == "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found(t, examineRights(missing, "me"),
		"problem: me may not get, list, update, watch mutatingwebhookconfigurations.admissionregistration.k8s.io named kroguard",
		"problem: me may not get, list, update, watch validatingwebhookconfigurations.admissionregistration.k8s.io named kroguard",
		"problem: me may not patch guardrailexceptions.kroguard.io/status",
		"problem: me may not patch guardrails.kroguard.io/status",
		"problem: me may not patch projects.kroguard.io/status",
		"problem: me may not get clusterroles.rbac.authorization.k8s.io named kroguard",
		"problem: me may not list, watch secrets named secret in guard")

	failed := errors.New("no")
	_, err = lacking(t.Context(), wanted, func(context.Context, *authorizationv1.ResourceAttributes) (bool, error) { return false, failed })
	if !errors.Is(err, failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
}
