package offering

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kroguard/kroguard/internal/project"
)

func TestAllowedFor(t *testing.T) {
	payments := &project.Project{Name: "payments"}
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"env": "test"}}}
	ruled := func(allow, deny []project.OfferingRule) *project.Project {
		return &project.Project{Name: "payments", Allow: allow, Deny: deny}
	}
	gold, err := labels.Parse("tier=gold")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name        string
		annotations map[string]string
		labels      map[string]string
		project     *project.Project
		namespace   *corev1.Namespace
		want        string // the reason; empty for allowed
	}{
		{name: "an unrestricted offering, for no project", namespace: shop},
		{name: "an unrestricted offering, for a project without rules", project: payments, namespace: shop},
		{name: "an unrestricted offering, cluster-scoped", project: payments},

		{name: "the project of the label", labels: map[string]string{"kroguard.io/project": "payments"}, project: payments, namespace: shop},
		{name: "another project than the label's", labels: map[string]string{"kroguard.io/project": "orders"}, project: payments, namespace: shop,
			want: "offering web-app belongs to project orders; namespace shop belongs to project payments"},
		{name: "no project where the label names one", labels: map[string]string{"kroguard.io/project": "orders"}, namespace: shop,
			want: "offering web-app belongs to project orders; namespace shop belongs to no project"},
		{name: "a cluster-scoped instance where the label names a project", labels: map[string]string{"kroguard.io/project": "orders"},
			want: "offering web-app belongs to project orders; this cluster-scoped instance belongs to no project"},

		{name: "an allowed project by glob", annotations: map[string]string{"allowed-projects": "orders,pay*"}, project: payments, namespace: shop},
		{name: "a project that isn't allowed", annotations: map[string]string{"allowed-projects": "orders,pay"}, project: payments, namespace: shop,
			want: "offering web-app is for projects orders, pay only; namespace shop belongs to project payments"},
		{name: "no project where some are allowed", annotations: map[string]string{"allowed-projects": "*"}, namespace: shop,
			want: "offering web-app is for project * only; namespace shop belongs to no project"},

		{name: "a selected namespace", annotations: map[string]string{"namespace-selector": "env in (test)"}, namespace: shop},
		{name: "a namespace selected by a LabelSelector", annotations: map[string]string{"namespace-selector": "matchExpressions:\n- {key: env, operator: Exists}"}, namespace: shop},
		{name: "a namespace that isn't selected", annotations: map[string]string{"namespace-selector": "matchLabels: {env: prod}"}, namespace: shop,
			want: "offering web-app is for namespaces with labels env=prod only; namespace shop doesn't match"},
		{name: "a cluster-scoped instance where namespaces are selected", annotations: map[string]string{"namespace-selector": "!env"},
			want: "offering web-app is for namespaces with labels !env only; a cluster-scoped instance has no namespace"},

		{name: "an offering allowed by name", project: ruled([]project.OfferingRule{{Names: []string{"db", "web-*"}}}, nil), namespace: shop},
		{name: "an offering allowed by category", annotations: map[string]string{"category": "web"}, project: ruled([]project.OfferingRule{{Categories: []string{"web"}}}, nil), namespace: shop},
		{name: "an offering allowed by label", labels: map[string]string{"tier": "gold"}, project: ruled([]project.OfferingRule{{Selector: gold}}, nil), namespace: shop},
		{name: "an offering allowed by the second rule", project: ruled([]project.OfferingRule{{Names: []string{"db"}}, {Names: []string{"web-app"}}}, nil), namespace: shop},
		{name: "an offering of another category", annotations: map[string]string{"category": "web"}, project: ruled([]project.OfferingRule{{Categories: []string{"databases"}}}, nil), namespace: shop,
			want: "project payments allows only category databases; web-app is in category web"},
		{name: "an offering that holds to a part of a rule", annotations: map[string]string{"category": "web"}, project: ruled([]project.OfferingRule{{Names: []string{"*"}, Selector: gold}, {Names: []string{"a", "b"}}}, nil), namespace: shop,
			want: "project payments allows only offering * and offerings with labels tier=gold, or offerings a, b; web-app is in category web"},
		{name: "an empty allow rule", project: ruled([]project.OfferingRule{{}}, nil), namespace: shop,
			want: "project payments allows only nothing; web-app has no category"},
		{name: "a denied offering", project: ruled(nil, []project.OfferingRule{{Names: []string{"web-*"}}}), namespace: shop,
			want: "project payments doesn't allow offering web-*; web-app has no category"},
		{name: "a denied offering that is allowed too", project: ruled([]project.OfferingRule{{Names: []string{"web-app"}}}, []project.OfferingRule{{Selector: labels.Everything()}}), namespace: shop,
			want: "project payments doesn't allow offerings with any labels; web-app has no category"},
		{name: "an offering that another deny rule names", project: ruled(nil, []project.OfferingRule{{Names: []string{"db"}}}), namespace: shop},
	} {
		t.Run(test.name, func(t *testing.T) {
			annotations := map[string]string{}
			for name, value := range test.annotations {
				annotations[prefix+name] = value
			}
			rgd := rgdWith(t, annotations)
			rgd.Labels = test.labels
			reason, ok := mustParse(t, rgd).AllowedFor(test.project, test.namespace)
			if diff := cmp.Diff(test.want, reason); diff != "" || ok != (test.want == "") {
				t.Error(ok, diff)
			}
		})
	}
}

func TestNamespaceSelectorOfClusterScopedInstancesIsAProblem(t *testing.T) {
	rgd := rgdWith(t, map[string]string{"kroguard.io/namespace-selector": "env=prod"})
	rgd.Spec.Schema.Scope = "Cluster"
	o, problems, _ := Parse(rgd)
	want := []Problem{{Annotation: "kroguard.io/namespace-selector", Reason: "instances are cluster-scoped: they have no namespace to select"}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
	if _, ok := o.AllowedFor(nil, nil); ok || !o.ClusterScoped {
		t.Errorf("allowed %v, cluster-scoped %v", ok, o.ClusterScoped)
	}
}
