package admission

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// guard applies guardrails or exceptions and returns when kroguard says that they are in force; they go with the test.
func guard(t *testing.T, manifests string) {
	t.Helper()
	h.MustRun(t, manifests, "apply", "-f", "-")
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), manifests, "delete", "--ignore-not-found", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	h.MustRun(t, manifests, "wait", "--for=condition=Ready", "--timeout="+eventually.String(), "-f", "-")
}

func TestAllViolationsOfCELAndRegoAreNamedAtOnce(t *testing.T) {
	guard(t, `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: cel-limits}
spec:
  remediation: Write less.
  docsURL: https://example.com/limits
  match: {names: ["guarded-*"]}
  params: {maxReplicas: 5}
  cel:
    variables:
      - {name: limit, expression: int(params.maxReplicas)}
    validations:
      - expression: object.spec.replicas <= variables.limit
        messageExpression: "'at most ' + string(variables.limit) + ' replicas in ' + project.name"
        fieldPath: .spec.replicas
      - {expression: "object.spec.size != 'huge'", message: huge is too big, fieldPath: .spec.size, reason: TooBig}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: rego-modes}
spec:
  match: {names: ["guarded-*"]}
  params: {modes: [strict]}
  rego:
    modules:
      - name: main.rego
        source: |
          package modes
          import data.lib.known

          deny contains {"msg": msg, "field": ".spec.mode"} if {
            mode := input.review.object.spec.mode
            not known.mode(mode)
            msg := sprintf("mode %s is not known in %s", [mode, input.project.name])
          }
      - name: lib.rego
        source: |
          package lib.known

          mode(m) if m in input.parameters.modes
`)
	status := refused(t, h.Client.Create(t.Context(), widget("guarded-1", values{"replicas": int64(50), "size": "huge", "mode": "lax"})))
	for _, want := range []string{
		"cel-limits", "at most 5 replicas in payments", ".spec.replicas", "huge is too big", "TooBig", "Write less", "https://example.com/limits",
		"rego-modes", "mode lax is not known in payments", ".spec.mode", "Widget/guarded-1",
	} {
		if !strings.Contains(status.Message, want) {
			t.Errorf("the message lacks %q:\n%s", want, status.Message)
		}
	}
	var fields []string
	for _, cause := range status.Details.Causes {
		fields = append(fields, cause.Field)
	}
	if got, want := strings.Join(fields, " "), ".spec.replicas .spec.size .spec.mode"; got != want {
		t.Errorf("fields of details.causes: got %s, want %s", got, want)
	}
	if err := h.Client.Create(t.Context(), widget("guarded-1", values{"replicas": int64(5)})); err != nil {
		t.Errorf("an instance without violation: %v", err)
	}
}

func TestUpdateIsJudgedLikeCreate(t *testing.T) {
	guard(t, celGuardrail("update-judged", "Deny", "object.spec.size != 'huge'"))
	object := widget("update-judged-1", values{"size": "small"})
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	refused(t, updateByMergePatch(t, "update-judged-1", values{"size": "huge"}))
	refused(t, updateByServerSideApply(t, "update-judged-1", values{"size": "huge"}))
	if err := updateByPut(t, "update-judged-1", values{"size": "tiny"}); err != nil {
		t.Error(err)
	}
}

func TestWarnAdmitsWithAWarningAndAuditSaysNothing(t *testing.T) {
	guard(t, celGuardrail("only-warns", "Warn", "object.spec.size != 'huge'")+"---"+celGuardrail("only-audits", "Audit", "object.spec.size != 'huge'"))
	answer := h.MustRun(t, manifest(t, "only-warns-1", values{"size": "huge"}), "apply", "-f", "-")
	for _, want := range []string{"Warning: guardrail only-warns: Widget/only-warns-1", "created"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q:\n%s", want, answer)
		}
	}
	answer = h.MustRun(t, manifest(t, "only-audits-1", values{"size": "huge"}), "apply", "-f", "-")
	if strings.Contains(answer, "Warning") {
		t.Errorf("an audited violation warned:\n%s", answer)
	}
	harness.Eventually(t, eventually, func(context.Context) error {
		if !strings.Contains(auditLog(t), "guardrail only-audits: Widget/only-audits-1") {
			return fmt.Errorf("the API server's audit log lacks the violation")
		}
		return nil
	})
}

func TestAnExceptionLetsThroughUntilItExpires(t *testing.T) {
	guard(t, celGuardrail("waived", "Deny", "object.spec.size != 'huge'"))
	refused(t, h.Client.Create(t.Context(), widget("waived-1", values{"size": "huge"})))
	guard(t, `
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: waived}
spec:
  guardrails: [waived]
  match: {names: ["waived-1"]}
  expiresAt: "2099-01-01T00:00:00Z"
  reason: shown to be harmless
  approvedBy: the test
`)
	refused(t, h.Client.Create(t.Context(), widget("waived-2", values{"size": "huge"})))
	answer := h.MustRun(t, manifest(t, "waived-1", values{"size": "huge"}), "apply", "-f", "-")
	if !strings.Contains(answer, "exception waived") {
		t.Errorf("the waiver goes unsaid:\n%s", answer)
	}
	expired := h.MustRefuse(t, `
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: over}
spec: {guardrails: [waived], match: {names: [x]}, expiresAt: "2020-01-01T00:00:00Z", reason: long gone by now, approvedBy: the test}
`, "apply", "-f", "-")
	if !strings.Contains(expired, "is past") {
		t.Errorf("an exception that is over before it begins: %s", expired)
	}
}

func TestAGuardrailThatDoesNotCompileIsRefusedWithLineAndColumn(t *testing.T) {
	for name, test := range map[string]struct{ policy, want string }{
		"CEL":  {"cel: {validations: [{expression: \"object.spec.size ==\"}]}", "spec.cel.validations[0].expression: line 1, column 20"},
		"Rego": {"rego: {modules: [{name: main.rego, source: \"package p\\n\\ndeny contains msg if {\\n  msg := \\n}\\n\"}]}", "spec.rego.modules[main.rego].source: line 5, column 1"},
		"Rego with a built-in of the network": {
			"rego: {modules: [{name: main.rego, source: \"package p\\n\\ndeny contains \\\"x\\\" if http.send({})\\n\"}]}",
			"http.send",
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := h.MustRefuse(t, "apiVersion: kroguard.io/v1alpha1\nkind: Guardrail\nmetadata: {name: broken}\nspec:\n  "+test.policy+"\n", "apply", "-f", "-")
			if !strings.Contains(answer, test.want) {
				t.Errorf("the answer lacks %q:\n%s", test.want, answer)
			}
		})
	}
}

func TestANewGuardrailDoesNotWedgeWhatRuns(t *testing.T) {
	name := "wedged-1"
	if err := h.Client.Create(t.Context(), widget(name, values{"size": "huge"})); err != nil {
		t.Fatal(err)
	}
	takenUp(t, name)
	guard(t, celGuardrail("wedged", "Deny", "object.spec.size != 'huge'"))
	if err := updateByServerSideApply(t, name, values{}); err != nil {
		t.Errorf("an apply that changes nothing: %v", err)
	}
	refused(t, updateByMergePatch(t, name, values{"size": "huge", "mode": "lax"}))
	remove(t, name)
}

// TestKroTakesUpAndFinishesAViolatingInstance: an instance that violates a new guardrail is labeled, finalized, expanded and
// deleted by kro as ever.
func TestKroTakesUpAndFinishesAViolatingInstance(t *testing.T) {
	name := "unlucky-1"
	object := widget(name, values{"size": "huge"})
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	guard(t, celGuardrail("unlucky", "Deny", "false"))
	harness.Eventually(t, eventually, func(context.Context) error {
		labels := get(t, name).GetLabels()
		for key := range labels {
			if strings.HasPrefix(key, "kro.run/") {
				return nil
			}
		}
		return fmt.Errorf("kro has not labeled it: %v", labels)
	})
	harness.Eventually(t, eventually, func(context.Context) error {
		answer, err := h.Run(context.Background(), "", "-n", "payments-dev", "get", "configmap", name)
		if err == nil && !answer.OK {
			err = fmt.Errorf("kro has not expanded it: %s", answer.Text)
		}
		return err
	})
	h.MustRun(t, "", "-n", "payments-dev", "delete", "widget", name, "--timeout="+eventually.String())
}

func TestAFailingGuardrailCountsByItsFailurePolicy(t *testing.T) {
	fails := "object.spec.absent.field == 1"
	guard(t, celGuardrail("fails-closed", "Deny", fails))
	status := refused(t, h.Client.Create(t.Context(), widget("fails-closed-1", values{})))
	if !strings.Contains(status.Message, "fails-closed") || !strings.Contains(status.Message, "absent") {
		t.Errorf("the message names neither guardrail nor cause: %s", status.Message)
	}
	guard(t, strings.Replace(celGuardrail("fails-open", "Deny", fails), "spec:", "spec:\n  failurePolicy: Ignore", 1))
	if err := h.Client.Create(t.Context(), widget("fails-open-1", values{})); err != nil {
		t.Error(err)
	}
}

func TestAForbiddenOfferingIsRefusedWithTheReason(t *testing.T) {
	const rgd = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: forbidden
  annotations: {kroguard.io/category: forbidden}
spec:
  schema: {apiVersion: v1alpha1, kind: Forbidden, spec: {size: string}}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}, data: {size: "${schema.spec.size}"}}
`
	if err := h.Publish(t.Context(), rgd, "forbidden"); err != nil {
		t.Fatal(err)
	}
	object := widget("x", values{"size": "small"})
	object.SetKind("Forbidden")
	status := refused(t, h.Client.Create(t.Context(), object, client.DryRunAll))
	for _, want := range []string{"payments", "forbidden"} {
		if !strings.Contains(status.Message, want) {
			t.Errorf("the message lacks %q: %s", want, status.Message)
		}
	}
	object.SetNamespace("nobody")
	if err := h.Client.Create(t.Context(), object, client.DryRunAll); err != nil {
		t.Errorf("in a namespace of no project: %v", err)
	}
}

// celGuardrail is a Guardrail with one validation, for instances whose names begin with its own.
func celGuardrail(name string, action v1alpha1.ValidationAction, expression string) string {
	return fmt.Sprintf(`
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: %[1]s}
spec:
  validationActions: [%[2]s]
  match: {names: ["%[1]s-*"]}
  cel: {validations: [{expression: "%[3]s", message: it is not so}]}
`, name, action, expression)
}
