package chart

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// permissionsAreThoseThatAreUsed compares what kroguard asked of the API server with what the chart grants: neither lacks nor exceeds.
func permissionsAreThoseThatAreUsed(t *testing.T, k *harness.Kroguard, audited auditLog) {
	t.Helper()
	exercise(t, k, audited)
	granted := append(rulesOf(t, ""), rulesOf(t, harness.Namespace)...)
	used := audited.requests(t)
	// client-go's recorder patches an event that it repeats into a series, which takes an error that stays for minutes.
	used["patch events.k8s.io/events"] = true
	for _, rule := range granted {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					if key := verb + " " + group + "/" + resource; !used[key] {
						t.Errorf("granted, but never used: %s", key)
					}
				}
			}
		}
	}
}

// auditLog is the API server's audit log from an offset on: installations that were before lost their permissions as they went.
type auditLog int64

// auditFromNow is what the API server logs from now on.
func auditFromNow(t *testing.T) auditLog {
	t.Helper()
	info, err := os.Stat(h.AuditLogPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return auditLog(info.Size())
}

// requests are the verbs that kroguard used, by resource, as "watch kro.run/resourcegraphdefinitions". A refused one fails the test.
func (l auditLog) requests(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	for _, event := range l.asked(t) {
		ref := event.ObjectRef
		if ref == nil || ref.Resource == "" {
			continue // discovery
		}
		if event.ResponseStatus != nil && event.ResponseStatus.Code == http.StatusForbidden {
			t.Errorf("not granted: %s %s", event.Verb, describe(ref))
		}
		resource := ref.Resource
		if ref.Subresource != "" {
			resource += "/" + ref.Subresource
		}
		used[event.Verb+" "+ref.APIGroup+"/"+resource] = true
		if strings.Contains(event.RequestURI, "sendInitialEvents=true") {
			// A watch that begins with a list; where the API server has none, client-go lists.
			used["list "+ref.APIGroup+"/"+resource] = true
		}
	}
	return used
}

func describe(ref *auditv1.ObjectReference) string {
	return strings.Join(slices.DeleteFunc([]string{ref.APIGroup, ref.Resource, ref.Subresource, ref.Namespace, ref.Name},
		func(s string) bool { return s == "" }), " ")
}

// rulesOf are the rules of the chart's ClusterRole, or of its Role in a namespace.
func rulesOf(t *testing.T, namespace string) []rbacv1.PolicyRule {
	t.Helper()
	if namespace == "" {
		role := &rbacv1.ClusterRole{}
		if err := h.Client.Get(t.Context(), client.ObjectKey{Name: "kroguard"}, role); err != nil {
			t.Fatal(err)
		}
		return role.Rules
	}
	role := &rbacv1.Role{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "kroguard"}, role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

// asked are the requests of kroguard's service account.
func (l auditLog) asked(t *testing.T) []auditv1.Event {
	t.Helper()
	file, err := os.Open(h.AuditLogPath())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(int64(l), io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var events []auditv1.Event
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), harness.User) {
			continue
		}
		var event auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		if event.User.Username == harness.User {
			events = append(events, event)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 {
		t.Fatal("the audit log has no request of kroguard's")
	}
	return events
}

// exercise has kroguard do all that it does.
func exercise(t *testing.T, k *harness.Kroguard, audited auditLog) {
	t.Helper()
	h.MustRun(t, knodex, "apply", "-f", "-")
	h.MustRun(t, exception, "apply", "-f", "-")
	h.MustRun(t, "", "wait", "--for=condition=Ready", "--timeout="+eventually.String(), "guardrailexception/nothing")
	// The gap before the first instance of a group without a static rule.
	if err := h.Publish(t.Context(), strings.ReplaceAll(elsewhere, "NAME", "elsewhere"), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	browse(t, k)
	harness.Eventually(t, eventually, func(context.Context) error {
		used := audited.requests(t)
		for _, last := range []string{
			"create authentication.k8s.io/tokenreviews", "create events.k8s.io/events", "list knodex.io/projects",
		} {
			if !used[last] {
				return errors.New("not in the audit log: " + last)
			}
		}
		return nil
	})
}

// browse looks at the catalog with a token, as a developer.
func browse(t *testing.T, k *harness.Kroguard) {
	t.Helper()
	token := strings.TrimSpace(h.MustRun(t, "", "-n", "default", "create", "token", "default"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.CatalogURL()+"/v1/namespaces", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		t.Errorf("the catalog answers %s", response.Status)
	}
}

// malformed is an RGD whose annotation kroguard would refuse.
const malformed = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: malformed
  annotations: {kroguard.io/defaults: "[not a mapping"}
spec:
  schema: {apiVersion: v1alpha1, kind: Malformed, spec: {text: string}}
  resources:
    - {id: config, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}
`

const elsewhere = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: NAME}
spec:
  schema: {group: NAME.example.com, apiVersion: v1alpha1, kind: Elsewhere, spec: {text: string}}
  resources:
    - {id: config, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}
`

const exception = `
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: nothing}
spec: {guardrails: [few-copies], match: {names: [nobody]}, expiresAt: "2099-01-01T00:00:00Z", reason: nothing to speak of, approvedBy: a test}
`

const knodex = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: projects.knodex.io}
spec:
  group: knodex.io
  scope: Cluster
  names: {kind: Project, listKind: ProjectList, plural: projects, singular: project}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`
