package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// onCall is the group that breaks the glass.
const onCall = "on-call"

// mayCreate lets everybody of two groups create widgets.
const mayCreate = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: break-glass-test}
rules: [{apiGroups: [kro.run], resources: [widgets], verbs: [get, create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: break-glass-test}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: break-glass-test}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: on-call}
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: developers}
`

func TestBreakGlass(t *testing.T) {
	guard(t, celGuardrail("glass", "Deny", "object.spec.size != 'huge'"))
	h.MustRun(t, mayCreate, "apply", "-f", "-")
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), mayCreate, "delete", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	member, other := []string{"--as", "jane", "--as-group", onCall}, []string{"--as", "john", "--as-group", "developers"}
	create := append([]string{"create", "-f", "-"}, member...)

	named := widget("glass-object", values{"size": "huge"})
	named.SetLabels(map[string]string{"kroguard.io/break-glass": onCall, "group": onCall})
	named.SetAnnotations(map[string]string{"kroguard.io/break-glass": onCall})
	text, err := json.Marshal(named)
	if err != nil {
		t.Fatal(err)
	}
	answer := h.MustRefuse(t, string(text), append([]string{"create", "-f", "-"}, other...)...)
	if strings.Contains(answer, "BREAK GLASS") {
		t.Errorf("somebody else: %s", answer)
	}

	answer = h.MustRun(t, manifest(t, "glass-dry", values{"size": "huge"}), append(create, "--dry-run=server")...)
	if !strings.Contains(answer, "BREAK GLASS") {
		t.Errorf("a dry run: %s", answer)
	}

	before := scrape(t)
	answer = h.MustRun(t, manifest(t, "glass-1", values{"size": "huge"}), create...)
	if want := "Warning: kroguard: BREAK GLASS: this would have been refused by guardrail glass: Widget/glass-1"; !strings.Contains(answer, want) {
		t.Errorf("got %q, want %q", answer, want)
	}
	if !strings.Contains(before, "kroguard_break_glass_requests_total 0\n") || !strings.Contains(scrape(t), "kroguard_break_glass_requests_total 1\n") {
		t.Error("it is not counted once")
	}
	if !strings.Contains(kroguard.LogTail(), "break glass: an instance was let in") {
		t.Errorf("log: %s", kroguard.LogTail())
	}

	generated := widget("", values{"size": "huge"})
	generated.SetGenerateName("glass-generated-")
	if text, err = json.Marshal(generated); err != nil {
		t.Fatal(err)
	}
	h.MustRun(t, string(text), create...)

	harness.Eventually(t, eventually, func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := h.Client.List(ctx, &list, client.InNamespace("payments-dev")); err != nil {
			return err
		}
		var regarding []string
		for i := range list.Items {
			one := &list.Items[i]
			if one.Reason != "BreakGlass" {
				continue
			}
			regarding = append(regarding, one.Regarding.Kind+"/"+one.Regarding.Name)
			if want := `CREATE by "jane", of group "on-call", was let in and would have been refused by glass`; one.Note != want || one.Type != "Warning" {
				return fmt.Errorf("%s event %q, want %q", one.Type, one.Note, want)
			}
		}
		if all := strings.Join(regarding, " "); len(regarding) != 2 || !strings.Contains(all, "Widget/glass-1") {
			return fmt.Errorf("events regarding %v, want two", regarding)
		}
		return nil
	})
	harness.Eventually(t, eventually, func(context.Context) error {
		if log := auditLog(t); !strings.Contains(log, `break-glass":"user \"jane\", group \"on-call\", past glass: guardrail glass: Widget/glass-1`) {
			return fmt.Errorf("the audit log lacks the annotation")
		}
		return nil
	})
	h.MustRefuse(t, manifest(t, "glass-1", values{"size": "huge", "replicas": int64(2)}),
		append([]string{"apply", "--server-side", "--force-conflicts", "-f", "-"}, other...)...)
}
