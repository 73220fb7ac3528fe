package admission

import (
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eventually is how long a change of the configuration may take to be in force. It takes tens of milliseconds.
const eventually = 20 * time.Second

// Words by which Flux, told to force, takes leave to delete and recreate an object.
var (
	isImmutable    = regexp.MustCompile(`is\simmutable`)
	immutableField = regexp.MustCompile(`immutable\sfield`)
)

// refused is the status of a request that kroguard refused: 403, in no words that make GitOps controllers recreate.
func refused(t *testing.T, err error) metav1.Status {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("got %v, want a refusal", err)
	}
	got := status.Status()
	if got.Code != http.StatusForbidden || got.Reason != metav1.StatusReasonForbidden {
		t.Fatalf("got %d %s, want 403 Forbidden: %s", got.Code, got.Reason, got.Message)
	}
	if isImmutable.MatchString(got.Message) || immutableField.MatchString(got.Message) {
		t.Errorf("these words make Flux delete and recreate: %s", got.Message)
	}
	return got
}
