package registration_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/registration"
)

func TestRegisteredReadsBackWhatBuildWrote(t *testing.T) {
	options := inCluster(t)
	queues := runtimeschema.GroupResource{Group: "data.example.com", Resource: "queues"}
	webapps := runtimeschema.GroupResource{Group: "platform.example.com", Resource: "webapps"}
	both, bothValidating := registration.Build(options, []runtimeschema.GroupResource{webapps, queues})
	none, noneValidating := registration.Build(options, nil)

	foreign := both.DeepCopy()
	foreign.Webhooks[0].Rules = append(foreign.Webhooks[0].Rules, admissionregistrationv1.RuleWithOperations{
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{"*", "apps", "", "x.example.com"},
			Resources: []string{"*", "*/*", "pods/status", "deployments", ""},
		},
	})
	foreignValidating := bothValidating.DeepCopy()
	foreignValidating.Webhooks[0].Rules = foreign.Webhooks[0].Rules

	tests := []struct {
		name       string
		mutating   *admissionregistrationv1.MutatingWebhookConfiguration
		validating *admissionregistrationv1.ValidatingWebhookConfiguration
		want       []runtimeschema.GroupResource
		wantEither []runtimeschema.GroupResource
	}{
		{name: "no configuration at all"},
		{name: "only the mutating one there", mutating: both, wantEither: []runtimeschema.GroupResource{queues, webapps}},
		{name: "no rules but the static one", mutating: none, validating: noneValidating},
		{
			name: "a rule in one of them only", mutating: both, validating: noneValidating,
			wantEither: []runtimeschema.GroupResource{queues, webapps},
		},
		{
			name: "rules in both", mutating: both, validating: bothValidating,
			want: []runtimeschema.GroupResource{queues, webapps}, wantEither: []runtimeschema.GroupResource{queues, webapps},
		},
		{
			name:     "wildcards, subresources and reserved groups that somebody else wrote are no rules of ours",
			mutating: foreign, validating: foreignValidating,
			want:       []runtimeschema.GroupResource{queues, webapps, {Group: "x.example.com", Resource: "deployments"}},
			wantEither: []runtimeschema.GroupResource{queues, webapps, {Group: "x.example.com", Resource: "deployments"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			both, either := registration.Registered(test.mutating, test.validating)
			if diff := cmp.Diff(test.want, both); diff != "" {
				t.Errorf("in both (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantEither, either); diff != "" {
				t.Errorf("in either (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReservedGroups(t *testing.T) {
	tests := map[string]bool{
		"":                            true,
		"apps":                        true,
		"batch":                       true,
		"networking.k8s.io":           true,
		"rbac.authorization.k8s.io":   true,
		"k8s.io":                      true,
		"kubernetes.io":               true,
		"policy.kubernetes.io":        true,
		"kroguard.io":                 true,
		"kro.run":                     false,
		"internal.kro.run":            false,
		"example.com":                 false,
		"x-k8s.io":                    false,
		"gateway.networking.x-k8s.io": false,
		"sub.kroguard.io":             false,
	}
	for group, want := range tests {
		if got := registration.Reserved(group); got != want {
			t.Errorf("Reserved(%q) = %v, want %v", group, got, want)
		}
	}
}

func TestOwned(t *testing.T) {
	tests := []struct {
		name   string
		labels map[string]string
		want   bool
	}{
		{name: "no labels"},
		{name: "kro's label", labels: map[string]string{"kro.run/owned": "true"}, want: true},
		{name: "the label that kro moves to", labels: map[string]string{"internal.kro.run/owned": "true"}, want: true},
		{name: "kro's label with another value", labels: map[string]string{"kro.run/owned": "false"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := registration.Owned(test.labels); got != test.want {
				t.Errorf("Owned = %v, want %v", got, test.want)
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	options := inCluster(b)
	resources := make([]runtimeschema.GroupResource, 0, 500)
	for i := range 500 {
		resources = append(resources, runtimeschema.GroupResource{
			Group: string(rune('a'+i%26)) + ".example.com", Resource: string(rune('a'+i/26)) + "things",
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		registration.Build(options, resources)
	}
}
