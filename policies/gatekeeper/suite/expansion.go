package suite

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxExpansions is how deep objects expand, as in Gatekeeper.
const maxExpansions = 30

// expansion is an ExpansionTemplate: what is made of which objects.
type expansion struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		ApplyTo []struct {
			Groups   []string `json:"groups"`
			Versions []string `json:"versions"`
			Kinds    []string `json:"kinds"`
		} `json:"applyTo"`
		TemplateSource string `json:"templateSource"`
		GeneratedGVK   struct {
			Group   string `json:"group"`
			Version string `json:"version"`
			Kind    string `json:"kind"`
		} `json:"generatedGVK"`
	} `json:"spec"`
}

// readExpansions reads the ExpansionTemplates of a file, in the order of their names.
func readExpansions(file string) ([]expansion, error) {
	objects, err := readObjects(file)
	if err != nil {
		return nil, err
	}
	list := make([]expansion, len(objects))
	for i, object := range objects {
		gvk := (&unstructured.Unstructured{Object: object}).GroupVersionKind()
		if gvk.Group != "expansion.gatekeeper.sh" || gvk.Kind != "ExpansionTemplate" {
			return nil, fmt.Errorf("%s: a %s is no ExpansionTemplate", file, gvk.Kind)
		}
		text, err := json.Marshal(object)
		if err == nil {
			err = json.Unmarshal(text, &list[i])
		}
		if err == nil {
			err = list[i].check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	slices.SortStableFunc(list, func(a, b expansion) int { return cmp.Compare(a.Metadata.Name, b.Metadata.Name) })
	return list, nil
}

func (e *expansion) check() error {
	switch {
	case e.Metadata.Name == "":
		return errors.New("an ExpansionTemplate has no name")
	case e.Spec.TemplateSource == "":
		return fmt.Errorf("ExpansionTemplate %s: spec.templateSource is missing", e.Metadata.Name)
	case e.gvk().Empty():
		return fmt.Errorf("ExpansionTemplate %s: spec.generatedGVK is missing", e.Metadata.Name)
	case len(e.Spec.ApplyTo) == 0:
		return fmt.Errorf("ExpansionTemplate %s: spec.applyTo is missing", e.Metadata.Name)
	case e.appliesTo(e.gvk()):
		return fmt.Errorf("ExpansionTemplate %s applies to what it generates", e.Metadata.Name)
	}
	return nil
}

func (e *expansion) gvk() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: e.Spec.GeneratedGVK.Group, Version: e.Spec.GeneratedGVK.Version, Kind: e.Spec.GeneratedGVK.Kind}
}

func (e *expansion) appliesTo(gvk schema.GroupVersionKind) bool {
	for _, to := range e.Spec.ApplyTo {
		if slices.Contains(to.Groups, gvk.Group) && slices.Contains(to.Versions, gvk.Version) && slices.Contains(to.Kinds, gvk.Kind) {
			return true
		}
	}
	return false
}

// expanded is an object with the template that it comes of.
type expanded struct {
	template string
	object   map[string]any
}

// expand yields all that an object expands into, what comes of the results first.
func expand(object map[string]any, templates []expansion, depth int) ([]expanded, error) {
	if depth >= maxExpansions {
		return nil, fmt.Errorf("objects expand into each other more than %d times", maxExpansions)
	}
	gvk := (&unstructured.Unstructured{Object: object}).GroupVersionKind()
	var own, all []expanded
	for i := range templates {
		if !templates[i].appliesTo(gvk) {
			continue
		}
		result, err := templates[i].apply(object)
		if err != nil {
			return nil, err
		}
		own = append(own, expanded{templates[i].Metadata.Name, result})
	}
	for _, result := range own {
		further, err := expand(result.object, templates, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, further...)
	}
	return append(all, own...), nil
}

// apply makes the object that the template generates.
func (e *expansion) apply(object map[string]any) (map[string]any, error) {
	source, found, err := unstructured.NestedMap(object, strings.Split(e.Spec.TemplateSource, ".")...)
	if err != nil || !found {
		return nil, errors.Join(fmt.Errorf("ExpansionTemplate %s: the object has no %s", e.Metadata.Name, e.Spec.TemplateSource), err)
	}
	parent := &unstructured.Unstructured{Object: object}
	result := &unstructured.Unstructured{Object: maps.Clone(source)}
	result.SetGroupVersionKind(e.gvk())
	if namespace := parent.GetNamespace(); namespace != "" {
		result.SetNamespace(namespace)
	}
	result.SetName(strings.ToLower(parent.GetName() + "-" + e.gvk().Kind))
	if parent.GetAPIVersion() != "" && parent.GetKind() != "" && parent.GetName() != "" {
		result.SetOwnerReferences(append(result.GetOwnerReferences(), metav1.OwnerReference{
			APIVersion: parent.GetAPIVersion(), Kind: parent.GetKind(), Name: parent.GetName(),
		}))
	}
	return result.Object, nil
}
