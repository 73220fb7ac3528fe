// Package admissionpolicy compares what kroguard makes of ValidatingAdmissionPolicies with the API server: the same policies,
// bindings and params, the same objects, the same answers. It is what lets a developer be told at once what would stop kro later.
package admissionpolicy

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

const (
	// kroUser is who creates what instances expand into.
	kroUser = "system:serviceaccount:kro-system:kro"
	// eventually is how long the API server may take to follow a policy or to serve a kind. Both take a second.
	eventually = 30 * time.Second
)

// admin acts as the administrator, kro as kro, whose warnings are kept.
var (
	admin    client.Client
	kro      client.Client
	warnings = &recorder{}
)

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{WithoutKro: true}, func(plane *controlplane.ControlPlane) error {
		ctx, cancel := context.WithTimeout(context.Background(), eventually)
		defer cancel()
		return setUp(ctx, plane)
	}))
}

func setUp(ctx context.Context, plane *controlplane.ControlPlane) error {
	var err error
	if admin, err = harness.NewClient(plane.RESTConfig()); err != nil {
		return err
	}
	config, err := plane.ConfigFor(kroUser, "system:serviceaccounts", "system:serviceaccounts:kro-system")
	if err != nil {
		return err
	}
	config.WarningHandler = warnings
	if kro, err = harness.NewClient(config); err != nil {
		return err
	}
	for _, manifest := range platform() {
		// The kinds of definitions are served a moment later.
		for {
			err := create(ctx, manifest)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

// create creates what a manifest describes, or takes it as it is.
func create(ctx context.Context, manifest string) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		return err
	}
	err := admin.Create(ctx, object)
	if client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("creating %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// recorder keeps the API server's warnings.
type recorder struct {
	mu   sync.Mutex
	kept []string
}

var _ rest.WarningHandler = (*recorder)(nil)

// HandleWarningHeader keeps a warning.
func (r *recorder) HandleWarningHeader(_ int, _, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, text)
}

// take yields the warnings since it was last called.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.kept
	r.kept = nil
	return kept
}
