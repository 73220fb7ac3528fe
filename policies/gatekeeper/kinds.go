package gatekeeper

import (
	"encoding/json"
	"errors"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The groups of Gatekeeper's kinds.
const (
	TemplateGroup   = "templates.gatekeeper.sh"
	TemplateKind    = "ConstraintTemplate"
	ConstraintGroup = "constraints.gatekeeper.sh"
)

// targetName is the one target that Gatekeeper has.
const targetName = "admission.k8s.gatekeeper.sh"

// Engines of a template's code.
const (
	engineRego = "Rego"
	engineCEL  = "K8sNativeValidation"
)

var (
	// ErrTemplate marks a template that is wrong.
	ErrTemplate = errors.New("invalid ConstraintTemplate")
	// ErrConstraint marks a constraint that is wrong.
	ErrConstraint = errors.New("invalid constraint")
	// ErrSchema marks a constraint that its template's schema does not allow.
	ErrSchema = errors.New("schema validation failed")
)

// template is a ConstraintTemplate, as far as it is read.
type template struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec templateSpec `json:"spec,omitempty"`
}

type templateSpec struct {
	CRD struct {
		Spec struct {
			Names struct {
				Kind       string   `json:"kind,omitempty"`
				ShortNames []string `json:"shortNames,omitempty"`
			} `json:"names,omitempty"`
			Validation *templateValidation `json:"validation,omitempty"`
		} `json:"spec,omitempty"`
	} `json:"crd,omitempty"`
	Targets []templateTarget `json:"targets,omitempty"`
}

type templateValidation struct {
	OpenAPIV3Schema *apiextensionsv1.JSONSchemaProps `json:"openAPIV3Schema,omitempty"`
	LegacySchema    *bool                            `json:"legacySchema,omitempty"`
}

type templateTarget struct {
	Target     string         `json:"target,omitempty"`
	Rego       string         `json:"rego,omitempty"`
	Libs       []string       `json:"libs,omitempty"`
	Code       []templateCode `json:"code,omitempty"`
	Operations []string       `json:"operations,omitempty"`
}

type templateCode struct {
	Engine string `json:"engine"`
	Source any    `json:"source"`
}

// decodeTemplate reads a template of any version; they differ in defaults, which the API server sets.
func decodeTemplate(object map[string]any) (*template, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	t := new(template)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	gvk := t.GroupVersionKind()
	if gvk.Group != TemplateGroup || gvk.Kind != TemplateKind {
		return nil, fmt.Errorf("%w: this is %s, and no %s of %s", ErrTemplate, describe(gvk), TemplateKind, TemplateGroup)
	}
	switch gvk.Version {
	case "v1", "v1beta1", "v1alpha1":
		return t, nil
	default:
		return nil, fmt.Errorf("%w: there is no version %q: write v1", ErrTemplate, gvk.Version)
	}
}

// describe names a kind for people.
func describe(gvk schema.GroupVersionKind) string {
	switch {
	case gvk.Kind == "":
		return "an object without kind"
	case gvk.Group == "":
		return "a " + gvk.Kind
	default:
		return "a " + gvk.Kind + " of " + gvk.Group
	}
}
