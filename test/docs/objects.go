package docs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// object is one YAML document of a page: one of the fields is set.
type object struct {
	rgd       *krov1alpha1.ResourceGraphDefinition
	project   *v1alpha1.Project
	namespace *corev1.Namespace
	guardrail *v1alpha1.Guardrail
	exception *v1alpha1.GuardrailException
	// instance is whatever belongs to no kind above and is in kro's group.
	instance map[string]any
	// foreign is an object of another project, shown for comparison. It is not checked.
	foreign bool
}

// foreignKinds are the kinds of other projects that pages may show.
func foreignKinds() []string {
	return []string{
		"templates.gatekeeper.sh/v1 ConstraintTemplate",
		"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
		"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
		"v1 ConfigMap",
	}
}

// documents are the YAML documents in a text, without those that are empty.
func documents(text string) ([][]byte, error) {
	var found [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		var value any
		if err := yaml.Unmarshal(document, &value); err != nil {
			return nil, err
		}
		if value != nil {
			found = append(found, document)
		}
	}
}

// decode reads a document strictly: unknown fields and repeated keys are errors. A mapping of nothing but annotations, or
// metadata alone, becomes the sample RGD with these.
func (p *Platform) decode(document []byte) (*object, error) {
	var fields map[string]any
	if err := yaml.UnmarshalStrict(document, &fields); err != nil {
		return nil, err
	}
	if annotations, ok := annotationsAlone(fields, document); ok {
		return p.annotated(annotations)
	}
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	decoded := new(object)
	var into any
	switch kind := meta.APIVersion + " " + meta.Kind; {
	case kind == krov1alpha1.GroupVersion.String()+" ResourceGraphDefinition":
		decoded.rgd = new(krov1alpha1.ResourceGraphDefinition)
		into = decoded.rgd
	case kind == v1alpha1.GroupVersion.String()+" Project":
		decoded.project = new(v1alpha1.Project)
		into = decoded.project
	case kind == v1alpha1.GroupVersion.String()+" Guardrail":
		decoded.guardrail = new(v1alpha1.Guardrail)
		into = decoded.guardrail
	case kind == v1alpha1.GroupVersion.String()+" GuardrailException":
		decoded.exception = new(v1alpha1.GuardrailException)
		into = decoded.exception
	case kind == "v1 Namespace":
		decoded.namespace = new(corev1.Namespace)
		into = decoded.namespace
	case strings.HasPrefix(kind, krov1alpha1.KRODomainName+"/") && meta.Kind != "":
		return decodeInstance(document)
	case slices.Contains(foreignKinds(), kind):
		return &object{foreign: true}, nil
	default:
		return nil, fmt.Errorf("this is neither an object of a known kind (%s) nor a mapping of annotations", kind)
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return nil, err
	}
	return decoded, p.schemas.check(meta.Kind, document)
}

// annotationsAlone are a document's annotations where it is made of nothing else.
func annotationsAlone(fields map[string]any, document []byte) ([]byte, bool) {
	if metadata, ok := fields["metadata"].(map[string]any); ok && len(fields) == 1 {
		text, err := yaml.Marshal(metadata["annotations"])
		return text, err == nil && metadata["annotations"] != nil
	}
	for key := range fields {
		if !strings.HasPrefix(key, v1alpha1.GroupName+"/") && !strings.HasPrefix(key, "knodex.io/") {
			return nil, false
		}
	}
	return document, len(fields) > 0
}

// annotated is the sample RGD with other annotations.
func (p *Platform) annotated(text []byte) (*object, error) {
	var annotations map[string]string
	if err := yaml.UnmarshalStrict(text, &annotations); err != nil {
		return nil, err
	}
	rgd := p.rgd.DeepCopy()
	rgd.Annotations = annotations
	return &object{rgd: rgd}, nil
}

// decodeInstance decodes as the webhook does: integers are int64.
func decodeInstance(document []byte) (*object, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	decoded := new(object)
	return decoded, json.Unmarshal(bytes.TrimSpace(text), &decoded.instance)
}
