package doctor

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/internal/registration"
)

func TestConfigurations(t *testing.T) {
	type mutating = admissionregistrationv1.MutatingWebhookConfiguration
	type validating = admissionregistrationv1.ValidatingWebhookConfiguration
	const instances = "webhook instances.kroguard.io of the ValidatingWebhookConfiguration"
	needed := []runtimeschema.GroupResource{{Group: "a.example.com", Resource: "apps"}, {Group: "b.example.com", Resource: "queues"}}
	tests := []struct {
		name string
		harm func(*mutating, *validating)
		want []string
	}{
		{name: "as kroguard writes them", harm: func(*mutating, *validating) {}},
		{
			name: "a rule for a kind that is gone does no harm",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].Rules = append(v.Webhooks[0].Rules, v.Webhooks[6].Rules...)
			},
		},
		{
			name: "a rule for all kinds covers each",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].Rules = v.Webhooks[0].Rules[:1]
				v.Webhooks[0].Rules[0].APIGroups = []string{"*"}
			},
		},
		{
			name: "a rule is missing in one",
			harm: func(m *mutating, _ *validating) { m.Webhooks[0].Rules = m.Webhooks[0].Rules[:2] },
			want: []string{"problem: webhook instances.kroguard.io of the MutatingWebhookConfiguration has no rule for queues.b.example.com: its instances get no defaults and no labels"},
		},
		{
			name: "the rule for group kro.run is missing",
			harm: func(_ *mutating, v *validating) { v.Webhooks[0].Rules = v.Webhooks[0].Rules[1:] },
			want: []string{"problem: " + instances + " has no rule for *.kro.run: its instances are not judged"},
		},
		{
			name: "a rule leaves out updates",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].Rules[1].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
			},
			want: []string{"problem: " + instances + " has no rule for apps.a.example.com: its instances are not judged"},
		},
		{
			name: "a webhook is missing",
			harm: func(_ *mutating, v *validating) { v.Webhooks = v.Webhooks[:6] },
			want: []string{"problem: there is no webhook projects.kroguard.io of the ValidatingWebhookConfiguration"},
		},
		{
			name: "it fails open",
			harm: func(_ *mutating, v *validating) { v.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore) },
			want: []string{"problem: " + instances + " has not failurePolicy Fail"},
		},
		{
			name: "more namespaces are excluded",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].NamespaceSelector.MatchExpressions[0].Values = []string{"kroguard-system", "kube-system", "prod"}
			},
			want: []string{"problem: " + instances + ` selects namespaces by "kubernetes.io/metadata.name notin (kroguard-system,kube-system,prod)", kroguard by "kubernetes.io/metadata.name notin (kroguard-system,kube-system)": instances in others are not seen`},
		},
		{
			name: "objects are selected",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"guarded": "yes"}}
			},
			want: []string{"problem: " + instances + ` selects objects by "guarded=yes", kroguard by "<none>": others are not seen`},
		},
		{
			name: "a condition lets requests by",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].MatchConditions = append(v.Webhooks[0].MatchConditions, admissionregistrationv1.MatchCondition{Name: "never", Expression: "false"})
			},
			want: []string{"problem: " + instances + ` has the matchCondition "never", which is not kroguard's: what it excludes is not seen`},
		},
		{
			name: "another path is called",
			harm: func(_ *mutating, v *validating) {
				v.Webhooks[0].ClientConfig.Service.Path = ptr.To("/validate/projects")
			},
			want: []string{"problem: " + instances + ` is called under "/validate/projects", kroguard answers under "/validate/instances"`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := registration.Options{
				ClientConfig:       registration.ClientConfig{Service: &registration.Service{Namespace: "kroguard-system", Name: "kroguard-webhook"}},
				KroUsers:           []string{"system:serviceaccount:kro-system:kro"},
				ExcludedNamespaces: []string{"kroguard-system"},
			}
			if err := options.Complete(); err != nil {
				t.Fatal(err)
			}
			m, v := registration.Build(options, needed)
			test.harm(m, v)
			found(t, examineConfigurations(m, v, "kroguard-system", needed, "restart"), test.want...)
		})
	}
}
