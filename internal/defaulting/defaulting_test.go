package defaulting_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/injection/injectiontest"
)

func TestCompute(t *testing.T) {
	tests := map[string]struct {
		annotations map[string]string
		object, old string
		injected    []string
		skipped     []string
	}{
		"no defaults inject nothing": {object: instance("", `{"image":"nginx"}`)},
		"the project's own default beats the general one, field by field": {
			annotations: map[string]string{
				"defaults":          "region: eu-central-1\nresources: {cpu: 500m, memory: 1Gi}",
				"defaults.payments": "resources: {cpu: '2'}",
			},
			object: instance("", `{}`),
			injected: []string{
				`spec.region "eu-central-1" defaults`,
				`spec.resources.cpu "2" defaults.payments`,
				`spec.resources.memory "1Gi" defaults`,
			},
		},
		"another project's defaults don't count": {
			annotations: map[string]string{"defaults.shop": "region: eu-central-1"},
			object:      instance("", `{}`),
		},
		"arrays are taken whole": {
			annotations: map[string]string{"defaults": "tags: [a, b]"},
			object:      instance("", `{"tags":["mine"]}`),
		},
		"an expression keeps its type, and reads project and namespace": {
			annotations: map[string]string{"defaults": "replicas: ${2 + 1}\nregion: ${project.parameters.region}\nhost: shop.${namespace.name}.example\ntags: ['${namespace.labels.env}']"},
			object:      instance("", `{}`),
			injected: []string{
				`spec.host "shop.payments-dev.example" defaults`,
				`spec.region "eu-west-1" defaults`,
				`spec.replicas 3 defaults`,
				`spec.tags ["dev"] defaults`,
			},
		},
		"an expression that yields an object is merged into the user's, field by field": {
			annotations: map[string]string{"defaults": "resources: ${project.parameters.resources}"},
			object:      instance("", `{"resources":{"cpu":"1"}}`),
			injected:    []string{`spec.resources.memory "4Gi" defaults`},
		},
		"an expression that fails is skipped, and the rest is injected": {
			annotations: map[string]string{"defaults": "region: ${project.parameters.nothing}\nhost: shop.example"},
			object:      instance("", `{}`),
			injected:    []string{`spec.host "shop.example" defaults`},
			skipped:     []string{"spec.region defaults: ${project.parameters.nothing}: no such key: nothing"},
		},
		"an expression that fails for a field that the user wrote is not worth a word": {
			annotations: map[string]string{"defaults": "region: ${project.parameters.nothing}"},
			object:      instance("", `{"region":"mine"}`),
		},
		"where the project's default fails, the general one has its turn": {
			annotations: map[string]string{
				"defaults":          "region: eu-central-1",
				"defaults.payments": "region: ${project.parameters.nothing}",
			},
			object:   instance("", `{}`),
			injected: []string{`spec.region "eu-central-1" defaults`},
			skipped:  []string{"spec.region defaults.payments: ${project.parameters.nothing}: no such key: nothing"},
		},
		"an expression without a value leaves the field to the general default, silently": {
			annotations: map[string]string{
				"defaults":          "region: eu-central-1",
				"defaults.payments": "region: ${project.parameters.?nothing}",
			},
			object:   instance("", `{}`),
			injected: []string{`spec.region "eu-central-1" defaults`},
		},
		"expressions may build on each other, in any order of paths": {
			annotations: map[string]string{"defaults": "host: ${object.spec.region}.example\nregion: ${project.parameters.region}\nurl: https://${object.spec.host}/"},
			object:      instance("", `{}`),
			injected: []string{
				`spec.host "eu-west-1.example" defaults`,
				`spec.region "eu-west-1" defaults`,
				`spec.url "https://eu-west-1.example/" defaults`,
			},
		},
		"expressions that wait for each other are both skipped": {
			annotations: map[string]string{"defaults": "host: ${object.spec.url}\nurl: ${object.spec.host}"},
			object:      instance("", `{}`),
			skipped: []string{
				"spec.host defaults: ${object.spec.url}: no such key: url",
				"spec.url defaults: ${object.spec.host}: no such key: host",
			},
		},
		"an expression sees a field with a default only once the default is in place": {
			annotations: map[string]string{"defaults": "host: \"${has(object.spec.region) ? 'late' : 'early'}\"\nregion: eu-central-1"},
			object:      instance("", `{}`),
			injected:    []string{`spec.host "early" defaults`, `spec.region "eu-central-1" defaults`},
		},
		"whether a parent is there already makes no difference to an expression": {
			annotations: map[string]string{"defaults": "host: \"${has(object.spec.resources) ? 'there' : 'absent'}\"\nresources: {cpu: 500m}"},
			object:      instance("", `{}`),
			injected:    []string{`spec.host "absent" defaults`, `spec.resources.cpu "500m" defaults`},
		},
		"an expression reads what the user wrote": {
			annotations: map[string]string{"defaults": "host: ${object.metadata.name}-${object.spec.image}"},
			object:      instance("", `{"image":"nginx"}`),
			injected:    []string{`spec.host "shop-nginx" defaults`},
		},
		"nothing is injected below a value without fields": {
			annotations: map[string]string{"defaults": "resources: {cpu: 500m}\nbackup: {schedule: daily}"},
			object:      instance("", `{"resources":"none","backup":null}`),
			skipped: []string{
				"spec.backup.schedule defaults: spec.backup is null here, which has no fields",
				"spec.resources.cpu defaults: spec.resources is a string here, which has no fields",
			},
		},
		"an object that the project's default gives isn't overwritten by a general one of another shape": {
			annotations: map[string]string{"defaults": "free: {a: [1]}", "defaults.payments": "free: {a: {b: 1}}"},
			object:      instance("", `{}`),
			injected:    []string{`spec.free.a.b 1 defaults.payments`},
			skipped:     []string{"spec.free.a defaults: spec.free.a.b has a value from defaults.payments, which has another shape"},
		},
		"fields may be added to an empty object that the project's default gives": {
			annotations: map[string]string{"defaults": "free: {a: 1}", "defaults.payments": "free: {}"},
			object:      instance("", `{}`),
			injected:    []string{`spec.free {} defaults.payments`, `spec.free.a 1 defaults`},
		},
		"an empty object adds nothing to the fields that the project's default gives": {
			annotations: map[string]string{"defaults": "free: {}", "defaults.payments": "free: {a: 1}"},
			object:      instance("", `{}`),
			injected:    []string{`spec.free.a 1 defaults.payments`},
		},
		"a default whose parent then lacks a required field is taken back": {
			annotations: map[string]string{"defaults": "backup: {schedule: daily}\nhost: shop.example"},
			object:      instance("", `{}`),
			injected:    []string{`spec.host "shop.example" defaults`},
			skipped:     []string{"spec.backup.schedule defaults: the instance would be invalid: spec.backup.bucket: Required value"},
		},
		"a value outside the schema is taken back, whatever else is wrong with the object": {
			annotations: map[string]string{"defaults": "size: ${project.parameters.region}\nhost: shop.example"},
			object:      `{"metadata":{"name":"shop"},"spec":{"replicas":"many"}}`,
			injected:    []string{`spec.host "shop.example" defaults`},
			skipped:     []string{`spec.size defaults: the instance would be invalid: spec.size: Unsupported value: "eu-west-1": supported values: "small", "medium", "large"`},
		},
		"a record that the user invents for a field gives the field no other value, and is not kept": {
			annotations: map[string]string{"defaults": "region: eu-central-1"},
			object:      instance(recorded(`{"spec.region":"defaults"}`), `{"region":"mine"}`),
		},
		"a record that is no JSON object of strings is no record": {
			annotations: map[string]string{"defaults": "region: eu-central-1"},
			object:      instance(recorded(`[{"spec.region":1}`), `{}`),
			injected:    []string{`spec.region "eu-central-1" defaults`},
		},
		"a record of paths outside spec injects nothing": {
			object: instance("", `{}`),
			old:    instance(recorded(`{"metadata.name":"x","status.ready":"x","spec":"x","":"x","spec[0]":"x","labels.a":"x"}`), `{"image":"nginx"}`),
		},
		"on UPDATE a record that only the new object has brings nothing back": {
			object: instance(recorded(`{"spec.region":"defaults","spec.host":"defaults"}`), `{}`),
			old:    instance("", `{"region":"mine","host":"mine"}`),
		},
		"a field whose parent the user made something else is not restored": {
			object:  instance(recorded(`{"spec.resources.cpu":"defaults"}`), `{"resources":"none"}`),
			old:     instance(recorded(`{"spec.resources.cpu":"defaults"}`), `{"resources":{"cpu":"500m"}}`),
			skipped: []string{"spec.resources.cpu defaults: spec.resources is a string here, which has no fields"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := injectiontest.Offering(t, webApp, tt.annotations)
			_, result := run(t, o, injectiontest.Object(t, tt.object), injectiontest.Object(t, tt.old), "")
			if diff := cmp.Diff(tt.injected, injected(result)); diff != "" {
				t.Errorf("injected (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, skipped(result)); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutOfferingWhatWasInjectedSticks(t *testing.T) {
	_, result := run(t, nil, injectiontest.Object(t, instance("", `{"image":"nginx:2"}`)),
		injectiontest.Object(t, instance(recorded(`{"spec.region":"defaults"}`), `{"image":"nginx","region":"eu-central-1"}`)), "")
	if diff := cmp.Diff([]string{`spec.region "eu-central-1" defaults`}, injected(result)); diff != "" {
		t.Errorf("injected (-want +got):\n%s", diff)
	}
}

func TestChainsLongerThanTheRoundsEndTheSameWayTwice(t *testing.T) {
	// Each field builds on the one that sorts after it, so that every round places just one.
	var annotation strings.Builder
	annotation.WriteString("free:\n")
	for i := range 30 {
		fmt.Fprintf(&annotation, "  f%02d: ${object.spec.free.f%02d}\n", i, i+1)
	}
	annotation.WriteString("  f30: end\n")
	o := injectiontest.Offering(t, webApp, map[string]string{"defaults": annotation.String()})
	_, result := run(t, o, injectiontest.Object(t, instance("", `{}`)), nil, "")
	if got := len(result.Injections); got < 10 || got > 30 {
		t.Errorf("%d of 31 fields injected, want as many as the rounds allow and not all", got)
	}
}

func BenchmarkCompute(b *testing.B) {
	var annotation strings.Builder
	annotation.WriteString("size: large\nregion: ${project.parameters.region}\nhost: ${namespace.name}.example\nurl: https://${object.spec.host}\ntags: [a, b]\nresources: {cpu: 500m, memory: 1Gi}\nfree: {a: 1, b: 2, c: 3}\n")
	o := injectiontest.Offering(b, webApp, map[string]string{"defaults": annotation.String()})
	object := injectiontest.Object(b, instance(`"managedFields":[`+managed("argocd", "Apply", `"f:image":{}`)+`]`, asSent))
	b.ReportAllocs()
	for b.Loop() {
		result := defaulting.Compute(defaulting.Input{
			Change: defaulting.Examine(object, nil, "argocd", o), Offering: o, ProjectName: "payments", Variables: variables(),
		})
		if len(result.Injections) != 10 {
			b.Fatalf("%d injections, want 10", len(result.Injections))
		}
	}
}
