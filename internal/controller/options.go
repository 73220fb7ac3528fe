package controller

import (
	"errors"
	"slices"
	"time"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
)

// DefaultSettleTime is how long a rule must have been in the webhook configurations until instances of its kind may come into
// being. API servers read webhook configurations through a watch: the one that was written to acts on a change within 10 ms
// (measured), others within the time that etcd and their watch caches take. The time is a wide margin over that, and a small
// part of the API server's timeout for kroguard's answer.
const DefaultSettleTime = 500 * time.Millisecond

// Certificates is the bundle that the API server verifies the webhook server with.
type Certificates interface {
	// CABundle is the PEM bundle; nil while there is none yet.
	CABundle() []byte
	// Subscribe has changed called after each change of the bundle; changed does not block.
	Subscribe(changed func())
	// Trusted reports whether a client with the PEM bundle accepts the certificate that is served.
	Trusted(bundle []byte) bool
	// InPlace is told of the bundle that the webhook configurations have.
	InPlace(bundle []byte)
}

// Options are what the controllers need. All fields but Sources, SettleTime, Now and Metrics are required.
type Options struct {
	// Store is where snapshots are published.
	Store *review.Store
	// Compiler compiles the guardrails.
	Compiler *policies.Compiler
	// Sources are the policies of other engines that count besides guardrails; none by default.
	Sources Sources
	// Settings are part of every snapshot.
	Settings review.Settings
	// Registration says how the API server reaches kroguard; its CABundle is overwritten.
	Registration registration.Options
	// Owner is the name of the ClusterRole that owns the webhook configurations, so that the garbage collector removes them with it;
	// empty for none.
	Owner string
	// AwaitReadiness has webhook configurations that don't exist yet written only when Ready has held for a moment: a Service sends
	// requests to ready replicas only. Something must ask for Ready.
	AwaitReadiness bool
	// Certificates has the CA bundle.
	Certificates Certificates
	// SettleTime is how long a new rule takes to be in force; 0 stands for DefaultSettleTime.
	SettleTime time.Duration
	// Now is the clock that exceptions expire by; nil is time.Now.
	Now func() time.Time
	// Metrics are told of snapshots, of what requests render, and of webhook configurations; the zero value counts nothing.
	Metrics telemetry.Metrics
}

// Sources of policies that are no guardrails.
const (
	SourceAdmissionPolicies = admissionpolicy.Source
	SourceGatekeeper        = gatekeeper.PolicySource
)

// SourceNames are all sources.
func SourceNames() []string { return []string{SourceGatekeeper, SourceAdmissionPolicies} }

// Sources say which policies of other engines count.
type Sources struct {
	// Names are among SourceNames.
	Names []string
	// CEL compiles expressions; needed for SourceAdmissionPolicies.
	CEL *cel.Driver
	// Gatekeeper compiles templates; needed for SourceGatekeeper.
	Gatekeeper *gatekeeper.Compiler
	// Inventory are the kinds whose objects Gatekeeper's templates see as data.inventory.
	Inventory []runtimeschema.GroupVersionKind
	// Recorder is told of the policies; it may be nil.
	Recorder policies.Recorder
}

func (s *Sources) has(name string) bool { return slices.Contains(s.Names, name) }

// Complete fills in defaults and reports every option that is missing or wrong.
func (o *Options) Complete() error {
	var errs []error
	if o.Store == nil {
		errs = append(errs, errors.New("store is missing"))
	}
	if o.Compiler == nil {
		errs = append(errs, errors.New("compiler is missing"))
	}
	if o.Certificates == nil {
		errs = append(errs, errors.New("certificates are missing"))
	}
	if o.SettleTime < 0 {
		errs = append(errs, errors.New("settleTime is negative"))
	}
	if o.SettleTime == 0 {
		o.SettleTime = DefaultSettleTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	errs = append(errs, o.Registration.Complete())
	return errors.Join(errs...)
}
