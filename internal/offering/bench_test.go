package offering

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/project"
)

func BenchmarkParse(b *testing.B) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
	}{
		{"bare", nil},
		{"constants", map[string]string{"kroguard.io/catalog": "true", "kroguard.io/defaults": "size: small\nreplicas: 2\ncache: {ttl: 60}"}},
		{"expressions", map[string]string{
			"kroguard.io/defaults":          "name: ${project.name}-${namespace.name}\nreplicas: 2",
			"kroguard.io/defaults.payments": "replicas: ${project.parameters.replicas}",
			"kroguard.io/labels":            "team: ${project.owner}",
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			rgd := rgdWith(b, test.annotations)
			b.ReportAllocs()
			for b.Loop() {
				if _, problems, _ := Parse(rgd); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
	}
}

func BenchmarkValidateSpec(b *testing.B) {
	o := mustParse(b, rgdWith(b, nil))
	object := map[string]any{"spec": map[string]any{"size": "small", "replicas": int64(1), "ports": []any{map[string]any{"name": "a", "number": int64(80)}}}}
	b.ReportAllocs()
	for b.Loop() {
		if errs := o.ValidateSpec(object); errs != nil {
			b.Fatal(errs)
		}
	}
}

func BenchmarkAllowedFor(b *testing.B) {
	o := mustParse(b, rgdWith(b, map[string]string{"kroguard.io/allowed-projects": "orders,pay*", "kroguard.io/namespace-selector": "env in (prod,test)"}))
	p := &project.Project{Name: "payments", Allow: []project.OfferingRule{{Names: []string{"db-*"}}, {Names: []string{"web-*"}}}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"env": "test"}}}
	b.ReportAllocs()
	for b.Loop() {
		if reason, ok := o.AllowedFor(p, namespace); !ok {
			b.Fatal(reason)
		}
	}
}
