package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/internal/registration"
)

func registrationOptions(tb testing.TB) registration.Options {
	tb.Helper()
	options := registration.Options{
		ClientConfig: registration.ClientConfig{URL: "https://localhost:9443"},
		KroUsers:     []string{"kro"},
	}
	if err := options.Complete(); err != nil {
		tb.Fatal(err)
	}
	return options
}

// stored are the configurations as the API server returns them.
func stored(tb testing.TB, bundle string, names ...string) configurations {
	tb.Helper()
	options := registrationOptions(tb)
	options.CABundle = []byte(bundle)
	mutating, validating := registration.Build(options, resources(names...))
	mutating.ResourceVersion, mutating.UID = "7", "m"
	validating.ResourceVersion, validating.UID = "8", "v"
	return configurations{mutating: mutating, validating: validating}
}

func TestDesiredConfigurations(t *testing.T) {
	options := registrationOptions(t)
	options.CABundle = []byte("ca")
	built := func() configurations {
		mutating, validating := registration.Build(options, resources("a.example.com"))
		return configurations{mutating: mutating, validating: validating}
	}
	changed := func(change func(configurations)) configurations {
		current := stored(t, "ca", "a.example.com")
		change(current)
		return current
	}
	whole := stored(t, "ca", "a.example.com")
	withForeign := stored(t, "ca", "a.example.com")
	withForeign.mutating.Labels["team"], withForeign.mutating.Annotations["note"] = "platform", "x"

	tests := []struct {
		name    string
		current configurations
		want    configurations
	}{
		{name: "nothing there: both as built", want: built()},
		{name: "as it should be: nothing to write", current: stored(t, "ca", "a.example.com")},
		{
			name:    "one deleted: that one as built",
			current: configurations{mutating: whole.mutating},
			want:    configurations{validating: built().validating},
		},
		{
			name:    "one emptied: that one is put back",
			current: changed(func(c configurations) { c.validating.Webhooks = nil }),
			want:    configurations{validating: whole.validating},
		},
		{
			name:    "another CA bundle: both are updated, at their resourceVersions",
			current: stored(t, "old", "a.example.com"),
			want:    whole,
		},
		{
			name:    "a rule is missing: both are updated",
			current: stored(t, "ca"),
			want:    whole,
		},
		{
			name: "somebody opened the failure policy: put back",
			current: changed(func(c configurations) {
				c.validating.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
			}),
			want: configurations{validating: whole.validating},
		},
		{
			name: "somebody added a webhook: taken out",
			current: changed(func(c configurations) {
				c.mutating.Webhooks = append(c.mutating.Webhooks, admissionregistrationv1.MutatingWebhook{Name: "x.example.com"})
			}),
			want: configurations{mutating: whole.mutating},
		},
		{
			name: "labels and annotations of others are nobody's business",
			current: changed(func(c configurations) {
				c.mutating.Labels["team"], c.mutating.Annotations["note"] = "platform", "x"
			}),
		},
		{
			name: "labels and annotations of others stay when the rest is put back",
			current: changed(func(c configurations) {
				c.mutating.Labels["team"], c.mutating.Annotations["note"] = "platform", "x"
				delete(c.mutating.Labels, "app.kubernetes.io/name")
				c.mutating.Webhooks = nil
			}),
			want: configurations{mutating: withForeign.mutating},
		},
		{
			name: "an annotation of ours that somebody removed is put back",
			current: changed(func(c configurations) {
				c.validating.Annotations = nil
			}),
			want: configurations{validating: whole.validating},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.current.desired(test.current.build(options, resources("a.example.com")))
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(configurations{})); diff != "" {
				t.Errorf("to write (-want +got):\n%s", diff)
			}
			if want := test.want.mutating == nil && test.want.validating == nil; got.upToDate() != want {
				t.Errorf("upToDate = %v, want %v", got.upToDate(), want)
			}
		})
	}
}

func TestDesiredDoesNotChangeWhatIsInTheCache(t *testing.T) {
	options := registrationOptions(t)
	options.CABundle = []byte("new")
	current := stored(t, "old", "a.example.com")
	before := configurations{mutating: current.mutating.DeepCopy(), validating: current.validating.DeepCopy()}
	next := current.desired(current.build(options, resources("b.example.com")))
	next.mutating.Labels["x"] = "y"
	if diff := cmp.Diff(before, current, cmp.AllowUnexported(configurations{})); diff != "" {
		t.Errorf("the cached objects changed (-before +after):\n%s", diff)
	}
}

func BenchmarkDesiredWhereNothingDiffers(b *testing.B) {
	names := make([]string, 0, 200)
	for i := range 200 {
		names = append(names, string(rune('a'+i%26))+string(rune('a'+i/26))+".example.com")
	}
	current := stored(b, "ca", names...)
	options := registrationOptions(b)
	options.CABundle = []byte("ca")
	all := resources(names...)
	b.ReportAllocs()
	for b.Loop() {
		if !current.desired(current.build(options, all)).upToDate() {
			b.Fatal("differs")
		}
	}
}
