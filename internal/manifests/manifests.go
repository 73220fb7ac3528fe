// Package manifests reads a platform's configuration, and instances, from YAML files, so that commands without a cluster judge by the
// same snapshot as the webhooks do.
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	internalv1alpha1 "github.com/kubernetes-sigs/kro/api/internal.kro.run/v1alpha1"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Configuration is what files say about a platform.
type Configuration struct {
	Guardrails []*v1alpha1.Guardrail
	Exceptions []*v1alpha1.GuardrailException
	Projects   []*v1alpha1.Project
	// Knodex are Knodex' Projects.
	Knodex     []map[string]any
	Offerings  []*krov1alpha1.ResourceGraphDefinition
	Namespaces []*corev1.Namespace
	// Definitions are CustomResourceDefinitions: the kinds of what instances expand into.
	Definitions []*apiextensionsv1.CustomResourceDefinition
	// Types are the kinds of a cluster; nil where those of Definitions and Kubernetes' own are all that is known.
	Types render.Types
	// Revisions are kro's GraphRevisions; files hardly ever have them.
	Revisions []*internalv1alpha1.GraphRevision
	// AdmissionPolicies and AdmissionBindings are a cluster's own policies; Others may have their params.
	AdmissionPolicies []*admissionregistrationv1.ValidatingAdmissionPolicy
	AdmissionBindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
	// Templates, Constraints and GatekeeperConfigs are Gatekeeper's, decoded from JSON.
	Templates, Constraints, GatekeeperConfigs []map[string]any
	// Inventory are the objects that Gatekeeper's templates see as data.inventory; nil are Namespaces and Others.
	Inventory []map[string]any
	// Others are objects of all other kinds, in the order in which they were read.
	Others []Object
}

// Object is an object of a kind that is no configuration: an instance, where it is one of an RGD.
type Object struct {
	// Source is the file that the object is from, with the number of its document, counted from 1.
	Source string
	// Kind is the object's.
	Kind runtimeschema.GroupVersionKind
	// Namespace and Name are the object's; both may be empty.
	Namespace, Name string
	// Raw is the object as JSON.
	Raw []byte
}

// Read adds what a file says, or all YAML and JSON files below a folder, in the order of their names. All that is wrong is reported
// at once; each error names file and document.
func (c *Configuration) Read(path string) error {
	files, err := filesBelow(path)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: there is no .yaml, .yml or .json file", path)
	}
	var errs []error
	for _, file := range files {
		errs = append(errs, c.readFile(file))
	}
	return errors.Join(errs...)
}

// filesBelow yields the path itself where it is a file, whatever its name.
func filesBelow(path string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		if file == path || slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return nil
	})
	return files, err
}

func (c *Configuration) readFile(file string) error {
	content, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	return c.ReadFrom(file, bytes.NewReader(content))
}

// ReadFrom adds what a stream of documents says; name is what errors call it.
func (c *Configuration) ReadFrom(file string, content io.Reader) error {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(content))
	var errs []error
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(errs...)
		}
		source := fmt.Sprintf("%s, document %d", file, number)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("%s: %w", source, err))...)
		}
		if err := c.add(source, document); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", source, err))
		}
	}
}

// add adds one document; an empty one, as comments make, is skipped.
func (c *Configuration) add(source string, document []byte) error {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return err
	}
	if string(raw) == "null" {
		return nil
	}
	var meta metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(raw, &meta); err != nil {
		return fmt.Errorf("this is no object of Kubernetes: %w", err)
	}
	if meta.Kind == "" || meta.APIVersion == "" {
		return errors.New("this is no object of Kubernetes: apiVersion and kind are missing")
	}
	kind := meta.GroupVersionKind()
	if read := readers()[kind.GroupKind()]; read != nil {
		return read(c, document)
	}
	if kind.Group == gatekeeper.ConstraintGroup {
		return decodeUntyped(document, &c.Constraints)
	}
	c.Others = append(c.Others, Object{Source: source, Kind: kind, Namespace: meta.Namespace, Name: meta.Name, Raw: raw})
	return nil
}

// readers add a document of a kind to the configuration.
func readers() map[runtimeschema.GroupKind]func(c *Configuration, document []byte) error {
	return map[runtimeschema.GroupKind]func(c *Configuration, document []byte) error{
		{Group: v1alpha1.GroupVersion.Group, Kind: "Guardrail"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.Guardrails)
		},
		{Group: v1alpha1.GroupVersion.Group, Kind: "GuardrailException"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.Exceptions)
		},
		{Group: v1alpha1.GroupVersion.Group, Kind: "Project"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.Projects)
		},
		{Group: krov1alpha1.GroupVersion.Group, Kind: "ResourceGraphDefinition"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.Offerings)
		},
		{Group: gatekeeper.TemplateGroup, Kind: gatekeeper.TemplateKind}: func(c *Configuration, document []byte) error {
			return decodeUntyped(document, &c.Templates)
		},
		{Group: gatekeeper.ConfigGroup, Kind: gatekeeper.ConfigKind}: func(c *Configuration, document []byte) error {
			return decodeUntyped(document, &c.GatekeeperConfigs)
		},
		{Group: "knodex.io", Kind: "Project"}: func(c *Configuration, document []byte) error {
			return decodeUntyped(document, &c.Knodex)
		},
		{Group: apiextensionsv1.GroupName, Kind: "CustomResourceDefinition"}: func(c *Configuration, document []byte) error {
			return decodeLenient(document, &c.Definitions)
		},
		{Kind: "Namespace"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.Namespaces)
		},
		{Group: admissionregistrationv1.GroupName, Kind: "ValidatingAdmissionPolicy"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.AdmissionPolicies)
		},
		{Group: admissionregistrationv1.GroupName, Kind: "ValidatingAdmissionPolicyBinding"}: func(c *Configuration, document []byte) error {
			return decode(document, &c.AdmissionBindings)
		},
	}
}

// decode refuses fields that the kind doesn't have, as an API server does: a misspelled one would change what is measured or judged.
func decode[T any](document []byte, into *[]*T) error {
	object := new(T)
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return err
	}
	*into = append(*into, object)
	return nil
}

// decodeUntyped reads an object of a kind that has no Go type here.
func decodeUntyped(document []byte, into *[]map[string]any) error {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return err
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return err
	}
	*into = append(*into, object)
	return nil
}

// decodeLenient is decode for what others generate, with fields that newer versions of the kind have.
func decodeLenient[T any](document []byte, into *[]*T) error {
	object := new(T)
	if err := yaml.Unmarshal(document, object); err != nil {
		return err
	}
	*into = append(*into, object)
	return nil
}
