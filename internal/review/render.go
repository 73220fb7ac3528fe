package review

import (
	"context"
	"errors"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies"
)

// RenderTimeout is the time that rendering has. What kro's examples take is 0.1 ms; what takes a thousand times as much would keep the
// API server waiting, which waits 5 s for all that a webhook does.
const RenderTimeout = time.Second

// errNoRenderer says that the snapshot can't render anything at all.
var errNoRenderer = errors.New("kroguard does not know the cluster's kinds yet, without which it can't tell what an instance becomes; try again")

// renderer renders one request's instance.
type renderer struct {
	snapshot *Snapshot
	request  *Request
}

var _ policies.Renderer = (*renderer)(nil)

// Render yields what the instance expands into.
func (r *renderer) Render(ctx context.Context) (*policies.Rendering, error) {
	return r.snapshot.render(ctx, r.request.Object)
}

// RenderOld yields what it expanded into before the UPDATE, by the RGD of today.
func (r *renderer) RenderOld(ctx context.Context) (*policies.Rendering, error) {
	return r.snapshot.render(ctx, r.request.OldObject)
}

// Namespace yields a namespace by name.
func (r *renderer) Namespace(name string) *corev1.Namespace { return r.snapshot.Namespaces[name] }

// Applier is kro, as its service account's token says.
func (r *renderer) Applier() authenticationv1.UserInfo { return r.snapshot.Settings.kro() }

// kro is who creates rendered resources.
func (s *Settings) kro() authenticationv1.UserInfo {
	if len(s.KroUsers) == 0 {
		return authenticationv1.UserInfo{}
	}
	user := authenticationv1.UserInfo{Username: s.KroUsers[0], Groups: []string{"system:authenticated"}}
	if namespace, _, err := serviceaccount.SplitUsername(user.Username); err == nil {
		user.Groups = append(serviceaccount.MakeGroupNames(namespace), user.Groups...)
	}
	return user
}

func (s *Snapshot) render(ctx context.Context, instance map[string]any) (*policies.Rendering, error) {
	if s.Graphs == nil {
		return nil, errNoRenderer
	}
	ctx, cancel := context.WithTimeoutCause(ctx, RenderTimeout, fmt.Errorf("it takes longer than %s", RenderTimeout))
	defer cancel()
	started := time.Now()
	rendering, err := s.Graphs.Render(ctx, instance, s.admit)
	s.Renders.Observe(renderState(rendering, err), time.Since(started))
	return rendering, err
}

// renderState says for metrics what came of rendering.
func renderState(rendering *policies.Rendering, err error) telemetry.RenderState {
	if err != nil {
		if _, ok := errors.AsType[*render.LimitError](err); ok || errors.Is(err, context.DeadlineExceeded) {
			return telemetry.RenderLimit
		}
		return telemetry.RenderFailed
	}
	for i := range rendering.Resources {
		switch rendering.Resources[i].State {
		case policies.ResourcePartial, policies.ResourceUnknown:
			return telemetry.RenderPartial
		default:
		}
	}
	return telemetry.RenderComplete
}

// Render yields what an instance expands into, after what Mutate does to it. The error says why that can't be told.
func (s *Snapshot) Render(ctx context.Context, request *Request) (*policies.Rendering, error) {
	return s.render(ctx, request.Object)
}

// admit does to a nested instance what Mutate will do when kro creates it.
func (s *Snapshot) admit(nested map[string]any, _ string) map[string]any {
	apiVersion, _ := nested["apiVersion"].(string)
	kind, _ := nested["kind"].(string)
	gv, err := runtimeschema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nested
	}
	name, _ := metadata(nested)["name"].(string)
	namespace, _ := metadata(nested)["namespace"].(string)
	request := &Request{Object: nested, Admission: &admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Group: gv.Group, Version: gv.Version, Kind: kind},
		Name: name, Namespace: namespace, Operation: admissionv1.Create, UserInfo: s.Settings.kro(),
	}}
	return s.Mutate(request).Object
}

// Default puts the defaults of the CustomResourceDefinition that kro generates into an instance, as the API server does before any
// webhook sees it. It changes the request's object.
func (s *Snapshot) Default(request *Request) {
	if s.Graphs == nil {
		return
	}
	if graph, err := s.Graphs.Graph(request.GroupVersionKind().GroupKind()); err == nil {
		graph.Default(request.Object)
	}
}

// Place names the offering and the project of a request; empty where there is none.
func (s *Snapshot) Place(request *Request) (offering, project string) {
	at := s.locate(request)
	if at.offering != nil {
		offering = at.offering.Name
	}
	if at.project != nil {
		project = at.project.Name
	}
	return offering, project
}

// IsInstance reports whether an RGD generates the kind of a request.
func (s *Snapshot) IsInstance(request *Request) bool {
	_, ok := s.Offerings.ByGroupKind(request.GroupVersionKind().GroupKind())
	return ok
}
