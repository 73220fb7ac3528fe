package crds

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The columns answer what a person asks first, in the order in which it is asked.
func TestColumnsOfKubectlGet(t *testing.T) {
	createWithStatus(t, readObjects(t, "testdata/columns.yaml"))
	cases := map[string]struct {
		args []string
		want string
	}{
		"projects": {
			args: []string{"projects.kroguard.io"},
			want: `
NAME       OWNER           COST CENTER   NAMESPACES   READY   AGE
payments   team-payments   CC-4711       3            False   AGE
search     team-search                                        AGE
`,
		},
		"guardrails": {
			args: []string{"guardrails"},
			want: `
NAME              ACTION             ENGINE   EVALUATES   READY   VIOLATIONS   AGE
image-registry    ["Warn"]                    Instance                         AGE
replica-ceiling   ["Deny","Audit"]   CEL      Resources   True    2            AGE
`,
		},
		"guardrails, wide": {
			args: []string{"guardrails", "-o", "wide"},
			want: `
NAME              ACTION             ENGINE   EVALUATES   READY   VIOLATIONS   SEVERITY   REASON     AGE
image-registry    ["Warn"]                    Instance                         Medium                AGE
replica-ceiling   ["Deny","Audit"]   CEL      Resources   True    2            High       Compiled   AGE
`,
		},
		"exceptions": {
			args: []string{"guardrailexceptions"},
			want: `
NAME           GUARDRAILS                             APPROVED BY     EXPIRES                READY   AGE
black-friday   ["replica-ceiling","image-registry"]   platform-lead   2031-12-01T00:00:00Z   True    AGE
`,
		},
		"exceptions, wide": {
			args: []string{"guardrailexceptions", "-o", "wide"},
			want: `
NAME           GUARDRAILS                             APPROVED BY     EXPIRES                READY   REASON                     AGE
black-friday   ["replica-ceiling","image-registry"]   platform-lead   2031-12-01T00:00:00Z   True    Black Friday needs more.   AGE
`,
		},
		"short names": {
			args: []string{"gproj,gr,grx", "-o", "name"},
			want: `
project.kroguard.io/payments
project.kroguard.io/search
guardrail.kroguard.io/image-registry
guardrail.kroguard.io/replica-ceiling
guardrailexception.kroguard.io/black-friday
`,
		},
		"the category": {
			args: []string{"kroguard", "-o", "name"},
			want: `
guardrailexception.kroguard.io/black-friday
guardrail.kroguard.io/image-registry
guardrail.kroguard.io/replica-ceiling
project.kroguard.io/payments
project.kroguard.io/search
`,
		},
	}
	age := regexp.MustCompile(`(?m) \d+s$`)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := plane.Kubectl(t.Context(), append([]string{"get"}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), age.ReplaceAllString(got, " AGE")); diff != "" {
				t.Errorf("kubectl get %s (-want +got):\n%s", strings.Join(c.args, " "), diff)
			}
		})
	}
}

// createWithStatus creates objects, with their status, until the test ends.
func createWithStatus(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		status, hasStatus := object.Object["status"]
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			// The test's own context has ended.
			if err := admin.Delete(context.Background(), object); err != nil {
				t.Error(err)
			}
		})
		if !hasStatus {
			continue
		}
		object.Object["status"] = status
		if err := admin.Status().Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}
