package crds

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// refusal is an object that the API server must refuse.
type refusal struct {
	// patch is a JSON merge patch, as YAML, to the smallest valid object of the kind.
	patch string
	// want are all causes, as "field: message", sorted.
	want []string
}

// rulesUnchecked is how the API server begins to say that CEL rules have to wait until the rest is right. It says that beside
// most other causes, without a field.
const rulesUnchecked = "Invalid value: null: some validation rules were not checked"

// refuse creates what each case describes, and compares all that the API server says with what the case wants. It returns the
// causes of all cases.
func refuse(t *testing.T, smallest string, cases map[string]refusal) []metav1.StatusCause {
	t.Helper()
	var all []metav1.StatusCause
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			object := patched(t, smallest, c.patch)
			err := admin.Create(t.Context(), object, client.DryRunAll)
			var status *apierrors.StatusError
			if !errors.As(err, &status) || status.ErrStatus.Details == nil {
				t.Fatalf("created, or failed otherwise than by validation: %v", err)
			}
			var got []string
			for _, cause := range status.ErrStatus.Details.Causes {
				if strings.HasPrefix(cause.Message, rulesUnchecked) {
					continue
				}
				got = append(got, cause.Field+": "+cause.Message)
				all = append(all, cause)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
	return all
}

// accept creates what each patch makes of the smallest object.
func accept(t *testing.T, smallest string, patches map[string]string) {
	t.Helper()
	for name, patch := range patches {
		t.Run(name, func(t *testing.T) {
			if err := admin.Create(t.Context(), patched(t, smallest, patch), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func patched(tb testing.TB, smallest, patch string) *unstructured.Unstructured {
	tb.Helper()
	object := parseObject(tb, "the smallest object", []byte(smallest))
	var changes map[string]any
	if err := yaml.UnmarshalStrict([]byte(patch), &changes); err != nil {
		tb.Fatalf("patch: %v", err)
	}
	object.Object = mergePatch(object.Object, changes).(map[string]any)
	return object
}

// mergePatch applies a JSON merge patch (RFC 7386). It may change target.
func mergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for key, change := range changes {
		if change == nil {
			delete(object, key)
			continue
		}
		object[key] = mergePatch(object[key], change)
	}
	return object
}
