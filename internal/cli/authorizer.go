package cli

import (
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// How long an answer of the API server about somebody's rights is reused. They are those of the API server's own delegating
// authorizer (k8s.io/apiserver pkg/server/options DelegatingAuthorizationOptions).
const (
	allowedFor = 10 * time.Second
	deniedFor  = 10 * time.Second
)

// authorizerTries is how often a SubjectAccessReview is sent: its answer is waited for by a request of 5 s at most.
const authorizerTries = 3

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// newAuthorizer answers CEL's authorizer calls by SubjectAccessReviews. It is asked only by guardrails that use authorizer.
func newAuthorizer(config *rest.Config, client *http.Client) (authorizer.Authorizer, error) {
	reviews, err := authorizationv1client.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("building the authorizer: %w", err)
	}
	rights, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: reviews,
		AllowCacheTTL:             allowedFor,
		DenyCacheTTL:              deniedFor,
		WebhookRetryBackoff:       &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: .2, Steps: authorizerTries},
	}.New()
	if err != nil {
		return nil, fmt.Errorf("building the authorizer: %w", err)
	}
	return rights, nil
}
