package manifests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
)

// Snapshot compiles the configuration. Namespaces that objects are in and that no file has are made up, without labels. What an API
// server with kroguard would refuse is an error: malformed annotations and Projects, exceptions and guardrails that don't compile.
func (c *Configuration) Snapshot(ctx context.Context, compiler *policies.Compiler, settings review.Settings) (*review.Snapshot, error) {
	var errs []error
	offerings := make([]*offering.Offering, 0, len(c.Offerings))
	for _, rgd := range c.Offerings {
		parsed, problems, _ := offering.Parse(rgd)
		for _, problem := range problems {
			errs = append(errs, fmt.Errorf("RGD %s: %s", rgd.Name, problem))
		}
		offerings = append(offerings, parsed)
	}
	claims := make([]*project.Claim, 0, len(c.Projects))
	for _, object := range c.Projects {
		claim, problems := project.FromProject(object)
		for _, problem := range problems {
			errs = append(errs, fmt.Errorf("project %s: %w", object.Name, problem))
		}
		claims = append(claims, claim)
	}
	for _, object := range c.Knodex {
		// What is wrong with a Knodex Project is for Knodex to say.
		if claim, _, err := project.FromKnodex(object); err == nil {
			claims = append(claims, claim)
		}
	}
	for _, exception := range c.Exceptions {
		if err := policies.CheckException(exception); err != nil {
			errs = append(errs, fmt.Errorf("exception %s: %w", exception.Name, err))
		}
	}
	set := compiler.Compile(ctx, c.Guardrails, c.Exceptions)
	for _, info := range set.Guardrails() {
		if info.Err != nil {
			errs = append(errs, fmt.Errorf("guardrail %s does not compile: %w", info.Name, info.Err))
		}
	}
	catalog := offering.NewCatalog(offerings)
	graphs, err := c.graphs(ctx, catalog)
	errs = append(errs, err)
	namespaces := c.namespaces()
	places := make([]project.Namespace, 0, len(namespaces))
	for _, namespace := range namespaces {
		places = append(places, project.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	}
	return &review.Snapshot{
		Offerings: catalog, Projects: project.NewIndex(claims, places), Guardrails: set,
		Graphs: graphs, Namespaces: namespaces, Settings: settings,
	}, errors.Join(errs...)
}

// graphs compiles what renders instances. An RGD that can't be rendered is no error here: what has to be rendered will say so.
func (c *Configuration) graphs(ctx context.Context, catalog *offering.Catalog) (*render.Set, error) {
	types := c.Types
	if types == nil {
		types = kinds.New(c.Definitions...)
	}
	return render.NewSet(ctx, render.Definitions(c.Offerings, c.Revisions, catalog.Counts), types, render.Options{}, nil)
}

func (c *Configuration) namespaces() map[string]*corev1.Namespace {
	all := make(map[string]*corev1.Namespace, len(c.Namespaces))
	for _, namespace := range c.Namespaces {
		all[namespace.Name] = namespace
	}
	for _, object := range c.Others {
		if object.Namespace != "" && all[object.Namespace] == nil {
			all[object.Namespace] = newNamespace(object.Namespace)
		}
	}
	return all
}

// Request is the CREATE of the object by nobody in particular.
func (o *Object) Request() (*review.Request, error) {
	resource, _ := meta.UnsafeGuessKindToResource(o.Kind)
	request, err := review.NewRequest(&admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Namespace: o.Namespace, Name: o.Name,
		Kind:     metav1.GroupVersionKind{Group: o.Kind.Group, Version: o.Kind.Version, Kind: o.Kind.Kind},
		Resource: metav1.GroupVersionResource{Group: resource.Group, Version: resource.Version, Resource: resource.Resource},
		Object:   runtime.RawExtension{Raw: o.Raw},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Source, err)
	}
	return request, nil
}

// SetNamespace puts objects that name no namespace into one; "" leaves them as they are.
func (c *Configuration) SetNamespace(namespace string) error {
	if namespace == "" {
		return nil
	}
	for i := range c.Others {
		object := &c.Others[i]
		if object.Namespace != "" {
			continue
		}
		content := map[string]any{}
		if err := utiljson.Unmarshal(object.Raw, &content); err != nil {
			return fmt.Errorf("%s: %w", object.Source, err)
		}
		if err := unstructured.SetNestedField(content, namespace, "metadata", "namespace"); err != nil {
			return fmt.Errorf("%s: %w", object.Source, err)
		}
		raw, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("%s: %w", object.Source, err)
		}
		object.Raw, object.Namespace = raw, namespace
	}
	return nil
}

// AddNamespace makes up a namespace that nothing tells of.
func (c *Configuration) AddNamespace(name string) {
	c.AddNamespacesOf([]Object{{Namespace: name}})
}

// AddNamespacesOf makes up the namespaces that objects are in and nothing tells of, as API servers label them.
func (c *Configuration) AddNamespacesOf(objects []Object) {
	known := c.namespaces()
	for i := range objects {
		if name := objects[i].Namespace; name != "" && known[name] == nil {
			known[name] = newNamespace(name)
			c.Namespaces = append(c.Namespaces, known[name])
		}
	}
}

func newNamespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}}
}
