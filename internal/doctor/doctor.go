package doctor

import (
	"context"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
)

// Names of the checks, in their order.
const (
	CheckAPIServer      = "api-server"
	CheckClock          = "clock"
	CheckKinds          = "kinds"
	CheckKro            = "kro"
	CheckKroVersion     = "kro-version"
	CheckConfigurations = "webhook-configurations"
	CheckCertificate    = "certificate"
	CheckReplicas       = "replicas"
	CheckCall           = "webhook-call"
	CheckRights         = "kroguard-rights"
	CheckOwnRights      = "own-rights"
	CheckProjects       = "projects"
	CheckGuardrails     = "guardrails"
	CheckExceptions     = "exceptions"
)

// Options say which installation is examined, and as whom.
type Options struct {
	// Client reads the cluster as the person who asks. It knows CustomResourceDefinitions, and the kinds of Kubernetes, kro and
	// kroguard.
	Client client.Client
	// Server is the same cluster's API server.
	Server Server
	// Namespace is kroguard's own, and ServiceAccount the one there as which it runs.
	Namespace, ServiceAccount string
	// SecretName names the Secret of the serving certificate.
	SecretName string
	// Now is the time.
	Now func() time.Time
}

// Server tells about an API server.
type Server interface {
	Ask(ctx context.Context) (Answer, error)
}

// Answer is what an API server says of itself.
type Answer struct {
	// URL is where it was asked.
	URL string
	// Version is what it says to be.
	Version version.Info
	// Date is its clock, in whole seconds; zero where it doesn't tell.
	Date time.Time
	// Asked and Answered are the local clock before and after.
	Asked, Answered time.Time
}

// examination is what several checks need.
type examination struct {
	Options

	// The webhook configurations are nil with an error where they could not be read.
	mutating                   *admissionregistrationv1.MutatingWebhookConfiguration
	validating                 *admissionregistrationv1.ValidatingWebhookConfiguration
	mutatingErr, validatingErr error
}

// check returns a line about what is so, which may be empty, and the findings.
type check struct {
	name string
	run  func(*examination, context.Context) (string, []Finding)
}

func checks() []check {
	return []check{
		{CheckKinds, (*examination).kinds},
		{CheckKro, (*examination).kro},
		{CheckKroVersion, (*examination).kroVersion},
		{CheckConfigurations, (*examination).configurations},
		{CheckCertificate, (*examination).certificate},
		{CheckReplicas, (*examination).replicas},
		{CheckCall, (*examination).call},
		{CheckRights, (*examination).rights},
		{CheckOwnRights, (*examination).ownRights},
		{CheckProjects, (*examination).projects},
		{CheckGuardrails, (*examination).guardrails},
		{CheckExceptions, (*examination).exceptions},
	}
}

// Run makes all checks. It returns a result for each, always in the same order; what could not be checked any more when the
// context ended says so.
func Run(ctx context.Context, options Options) []Result {
	answer, err := options.Server.Ask(ctx)
	summary, findings := examineServer(answer, err)
	results := []Result{newResult(CheckAPIServer, summary, findings)}
	if err != nil {
		unreachable := []Finding{skipped("", "the API server could not be asked")}
		results = append(results, newResult(CheckClock, "", unreachable))
		for _, check := range checks() {
			results = append(results, newResult(check.name, "", unreachable))
		}
		return results
	}
	summary, findings = examineClock(answer)
	results = append(results, newResult(CheckClock, summary, findings))
	e := &examination{Options: options}
	e.readConfigurations(ctx)
	for _, check := range checks() {
		summary, findings := check.run(e, ctx)
		results = append(results, newResult(check.name, summary, findings))
	}
	return results
}

func (e *examination) readConfigurations(ctx context.Context) {
	key := client.ObjectKey{Name: registration.Name}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if e.mutatingErr = e.Client.Get(ctx, key, mutating); e.mutatingErr == nil {
		e.mutating = mutating
	}
	if e.validatingErr = e.Client.Get(ctx, key, validating); e.validatingErr == nil {
		e.validating = validating
	}
}

// restart is the command after which kroguard writes anew what it keeps.
func (e *examination) restart() string {
	return "kubectl -n " + e.Namespace + " rollout restart deployment -l app.kubernetes.io/name=kroguard"
}

// logs is the command that shows why kroguard does not do what it should.
func (e *examination) logs() string {
	return "kubectl -n " + e.Namespace + " logs -l app.kubernetes.io/name=kroguard --tail=50"
}
