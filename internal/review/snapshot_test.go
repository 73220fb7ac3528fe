package review_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/review/reviewtest"
)

const kroUser = "system:serviceaccount:kro-system:kro"

// platform has a namespace of each fate, and an offering that project left may not use.
const platform = `
apiVersion: v1
kind: Namespace
metadata: {name: left-dev}
---
apiVersion: v1
kind: Namespace
metadata: {name: disputed}
---
apiVersion: v1
kind: Namespace
metadata: {name: orphan, labels: {kroguard.io/project: gone}}
---
apiVersion: v1
kind: Namespace
metadata: {name: free}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: left}
spec: {owner: left, namespaces: {names: [left-*, disputed]}, offerings: {allow: [{names: [allowed]}]}}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: right}
spec: {owner: right, namespaces: {names: [disputed]}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: allowed, annotations: {kroguard.io/defaults: "size: small", kroguard.io/deprecated: use the other}}
spec:
  schema: {apiVersion: v1alpha1, kind: Allowed, spec: {size: string}}
  resources: [{id: c, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}]
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: other}
spec:
  schema: {apiVersion: v1alpha1, kind: Other, spec: {size: string}}
  resources: [{id: c, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}]
`

func snapshot(tb testing.TB, requireProject bool) *review.Snapshot {
	tb.Helper()
	return reviewtest.NewSnapshot(tb, []byte(platform), review.Settings{
		RequireProject: requireProject, KroUsers: []string{kroUser}, LabelKeys: labeling.DefaultKeys(),
	})
}

// create is the CREATE of an instance by a user, after the mutating webhook.
func create(tb testing.TB, s *review.Snapshot, user, kind, namespace string) *review.Request {
	tb.Helper()
	admission := &admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Namespace: namespace, Name: "x",
		Kind: metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: kind},
	}
	admission.UserInfo.Username = user
	text := "apiVersion: kro.run/v1alpha1\nkind: " + kind + "\nmetadata: {name: x, namespace: " + namespace + "}\nspec: {}\n"
	var err error
	if admission.Object.Raw, err = yaml.YAMLToJSON([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	request, err := review.NewRequest(admission)
	if err != nil {
		tb.Fatal(err)
	}
	if admission.Object.Raw, err = json.Marshal(s.Mutate(request).Object); err != nil {
		tb.Fatal(err)
	}
	if request, err = review.NewRequest(admission); err != nil {
		tb.Fatal(err)
	}
	return request
}

func TestWhyAnInstanceIsRefusedWhateverItContains(t *testing.T) {
	tests := map[string]struct {
		user, kind, namespace string
		requireProject        bool
		// refused are parts of the message; none where it is admitted.
		refused []string
	}{
		"an allowed offering":                              {kind: "Allowed", namespace: "left-dev"},
		"an offering that the project does not allow":      {kind: "Other", namespace: "left-dev", refused: []string{"kroguard:allowed-offering", "left", "other"}},
		"kro may create what its parent needs":             {user: kroUser, kind: "Other", namespace: "left-dev"},
		"two projects with equal right":                    {kind: "Allowed", namespace: "disputed", refused: []string{"kroguard:project", "left, right"}},
		"a label of a project that is not there":           {kind: "Allowed", namespace: "orphan", refused: []string{"kroguard:project", "gone", "does not exist"}},
		"a namespace of no project":                        {kind: "Allowed", namespace: "free"},
		"a namespace of no project where one is needed":    {kind: "Allowed", namespace: "free", requireProject: true, refused: []string{"kroguard:project", "no project"}},
		"kro in a namespace of no project":                 {user: kroUser, kind: "Allowed", namespace: "free", requireProject: true},
		"a namespace that the caches have yet to learn of": {kind: "Allowed", namespace: "new", refused: []string{"not known to kroguard yet", "try again"}},
		"a kind without an RGD":                            {kind: "Unheard", namespace: "free", refused: []string{"kroguard:known-kind", "no ResourceGraphDefinition"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, test.requireProject)
			decision := s.Validate(t.Context(), create(t, s, test.user, test.kind, test.namespace), nil, time.Now())
			if len(test.refused) == 0 {
				if !decision.Verdict.Allowed() {
					t.Errorf("refused: %v", decision.Verdict.Denied)
				}
				return
			}
			if len(decision.Verdict.Denied) != 1 {
				t.Fatalf("got %d refusals, want 1: %v", len(decision.Verdict.Denied), decision.Verdict.Denied)
			}
			if got, want := decision.AuditAnnotations["denied"], decision.Verdict.Denied[0].String(); got != want {
				t.Errorf("audit annotation: got %q, want %q", got, want)
			}
			for _, want := range test.refused {
				if message := decision.Verdict.Denied[0].String(); !strings.Contains(message, want) {
					t.Errorf("the message lacks %q: %s", want, message)
				}
			}
		})
	}
}

func TestADeprecatedOfferingIsWarnedOfOnCreate(t *testing.T) {
	s := snapshot(t, false)
	decision := s.Validate(t.Context(), create(t, s, "jane", "Allowed", "free"), nil, time.Now())
	if got := strings.Join(decision.Warnings, "\n"); got != "offering allowed is deprecated: use the other" {
		t.Errorf("warnings: %s", got)
	}
}

func TestNewRequestRefusesWhatIsNoObject(t *testing.T) {
	for name, object := range map[string]string{
		"nothing": "", "null": "null", "an array": "[]", "a number": "1", "half an object": `{"a":`,
	} {
		t.Run(name, func(t *testing.T) {
			admission := &admissionv1.AdmissionRequest{}
			admission.Object.Raw = []byte(object)
			if _, err := review.NewRequest(admission); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestStoreAwaitsTheSnapshotThatAReviewNeeds(t *testing.T) {
	wanted, other := &review.Snapshot{}, &review.Snapshot{}
	isWanted := func(s *review.Snapshot) bool { return s == wanted }
	t.Run("a later one", func(t *testing.T) {
		store := review.NewStore()
		got := make(chan *review.Snapshot)
		go func() { got <- store.Await(context.Background(), isWanted) }()
		store.Publish(other)
		store.Publish(wanted)
		if <-got != wanted {
			t.Error("got another one")
		}
	})
	t.Run("the current one where none comes in time", func(t *testing.T) {
		store := review.NewStore()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := store.Await(ctx, isWanted); got != nil {
			t.Error("got one that was never published")
		}
		store.Publish(other)
		if got := store.Await(ctx, isWanted); got != other {
			t.Error("got another than the current one")
		}
	})
}
