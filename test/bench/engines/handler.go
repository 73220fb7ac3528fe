package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/bench/sets"
	"github.com/kroguard/kroguard/webhook"
)

// NewHandler is kroguard's whole validating webhook on instances, from the bytes of the API server's request to those of the
// answer: review, offering, project, labels, guardrails, metrics and messages.
func NewHandler(set *sets.Set, guardrails []*v1alpha1.Guardrail) (*Engine, error) {
	snapshot, err := snapshotOf(set, guardrails)
	if err != nil {
		return nil, err
	}
	store := review.NewStore()
	store.Publish(snapshot)
	metrics, err := telemetry.New(prometheus.NewRegistry(), nil)
	if err != nil {
		return nil, err
	}
	compiler, err := NewCompiler()
	if err != nil {
		return nil, err
	}
	mux := mux{}
	webhook.Register(mux, webhook.Options{
		Scheme: runtime.NewScheme(), Instances: &webhook.Instances{Store: store, Metrics: metrics.Admission}, Compiler: compiler,
	})
	return handlerEngine(NameKroguard, len(guardrails), set, mux[registration.PathValidateInstances])
}

// NewNoop is a webhook that allows everything, and so the floor: controller-runtime's decoding of the review and encoding of
// the answer. n is the number of policies of whom it is compared with.
func NewNoop(set *sets.Set, n int) (*Engine, error) {
	nothing := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Allowed("") })
	return handlerEngine(NameNoop, n, set, (&admission.Webhook{Handler: nothing}).WithRecoverPanic(true))
}

// mux keeps the handlers by path.
type mux map[string]http.Handler

// Register keeps a handler.
func (m mux) Register(path string, handler http.Handler) { m[path] = handler }

func handlerEngine(name string, n int, set *sets.Set, handler http.Handler) (*Engine, error) {
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: set.Request(),
	})
	if err != nil {
		return nil, err
	}
	answer := &answer{header: http.Header{}}
	post := func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://localhost/", io.NopCloser(bytes.NewReader(body)))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		answer.reset()
		handler.ServeHTTP(answer, request)
		if answer.body.Len() == 0 {
			return errors.New("the handler answered nothing")
		}
		return nil
	}
	return &Engine{
		Name: name,
		N:    n,
		// The number of violations would have to be read from the answer, which is the API server's business.
		Review: func(ctx context.Context) (int, error) { return 0, post(ctx) },
		Count: func(ctx context.Context) (map[string]int, error) {
			if err := post(ctx); err != nil {
				return nil, err
			}
			return answer.causes()
		},
	}, nil
}

// answer is what a handler wrote. It is used again and again, so that it costs next to nothing.
type answer struct {
	header http.Header
	body   bytes.Buffer
}

// Header are the headers of the answer.
func (a *answer) Header() http.Header { return a.header }

// Write takes a part of the body.
func (a *answer) Write(part []byte) (int, error) { return a.body.Write(part) }

// WriteHeader takes the status, which is always 200: a refusal is in the body.
func (*answer) WriteHeader(int) {}

func (a *answer) reset() {
	clear(a.header)
	a.body.Reset()
}

// causes counts the causes of a refusal by guardrail.
func (a *answer) causes() (map[string]int, error) {
	var reviewed admissionv1.AdmissionReview
	if err := json.Unmarshal(a.body.Bytes(), &reviewed); err != nil {
		return nil, err
	}
	counts := map[string]int{}
	switch {
	case reviewed.Response == nil:
		return nil, fmt.Errorf("the answer has no response: %s", a.body.String())
	case reviewed.Response.Allowed:
		return counts, nil
	case reviewed.Response.Result == nil || reviewed.Response.Result.Details == nil:
		return nil, fmt.Errorf("the answer names no causes: %s", a.body.String())
	}
	for _, cause := range reviewed.Response.Result.Details.Causes {
		counts[string(cause.Type)]++
	}
	return counts, nil
}

// snapshotOf is a platform on which the set's object is an instance of an offering, in a namespace of a project. What guardrails do
// is counted, as when kroguard serves.
func snapshotOf(set *sets.Set, guardrails []*v1alpha1.Guardrail) (*review.Snapshot, error) {
	compiler, err := NewCompiler()
	if err != nil {
		return nil, err
	}
	counted, err := telemetry.New(prometheus.NewRegistry(), nil)
	if err != nil {
		return nil, err
	}
	compiler.Record(counted.Guardrails)
	rgd := &krov1alpha1.ResourceGraphDefinition{ObjectMeta: metav1.ObjectMeta{
		Name: offeringName, Annotations: map[string]string{"kroguard.io/catalog": "true"},
	}}
	rgd.Spec.Schema = &krov1alpha1.Schema{APIVersion: set.Kind.Version, Kind: set.Kind.Kind, Group: set.Kind.Group}
	parsed, problems, _ := offering.Parse(rgd)
	if len(problems) > 0 {
		return nil, fmt.Errorf("the offering: %v", problems)
	}
	owner := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: projectName}}
	owner.Spec.Owner = "team-payments"
	owner.Spec.Namespaces.Names = []string{projectName + "-*"}
	owner.Spec.Labels.Enforced = v1alpha1.LabelMap{"cost-center": "CC-1234"}
	claim, errs := project.FromProject(owner)
	if len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	namespace := set.Namespace()
	return &review.Snapshot{
		Offerings:  offering.NewCatalog([]*offering.Offering{parsed}),
		Projects:   project.NewIndex([]*project.Claim{claim}, []project.Namespace{{Name: namespace.Name, Labels: namespace.Labels}}),
		Guardrails: compiler.Compile(context.Background(), guardrails, nil),
		Namespaces: map[string]*corev1.Namespace{namespace.Name: namespace},
		Settings:   review.Settings{LabelKeys: labeling.DefaultKeys()},
	}, nil
}
