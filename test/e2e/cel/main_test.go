// Package cel compares guardrails in CEL with the API server's own ValidatingAdmissionPolicies: the same expressions, the same
// objects, the same verdicts. Whoever knows the one knows the other, and a policy can move from the one to the other.
package cel

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

const (
	developer = "ada"
	team      = "developers"

	// eventually is how long the API server may take to serve a kind or to follow a policy. Both take a second.
	eventually = 30 * time.Second
	// rememberedFor is how long the authorizer remembers an answer; nobody's rights change in these tests.
	rememberedFor = time.Minute
)

// admin acts as the administrator, ada as the developer, whose warnings are kept. Rights answers what anybody may do.
var (
	admin    client.Client
	ada      client.Client
	warnings = &recorder{}
	rights   authorizer.Authorizer
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
	config, err := plane.ConfigFor(developer, team)
	if err != nil {
		return err
	}
	config.WarningHandler = warnings
	if ada, err = harness.NewClient(config); err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(plane.RESTConfig())
	if err != nil {
		return err
	}
	if rights, err = (authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: clients.AuthorizationV1(),
		AllowCacheTTL:             rememberedFor, DenyCacheTTL: rememberedFor,
		WebhookRetryBackoff: &backoff,
	}).New(); err != nil {
		return err
	}
	for _, manifest := range []string{samples, limits, namespace, role, binding} {
		if err := create(ctx, manifest); err != nil {
			return err
		}
	}
	// Both kinds are served a moment after their definitions are there.
	for ctx.Err() == nil {
		if err = create(ctx, parameters); err == nil {
			if err = create(ctx, stored); err == nil {
				return nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
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
