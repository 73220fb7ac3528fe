package manifests

import (
	"errors"
	"fmt"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
)

// Admission makes policies of the ValidatingAdmissionPolicies and their bindings. All other objects may be params. No API server is
// there to ask about an instance itself, so that it is judged as well as what it expands into. What does not compile is an error, as
// are a policy that has no binding and a binding that has no policy: they say nothing, which nobody means who gives both as files.
func (c *Configuration) Admission(driver *cel.Driver) ([]policies.Policy, error) {
	objects, err := c.decodedOthers()
	if err != nil {
		return nil, err
	}
	made := admissionpolicy.NewCompiler(admissionpolicy.Options{
		Driver: driver, Params: admissionpolicy.NewObjects(objects), Instances: true,
	}).Compile(c.AdmissionPolicies, c.AdmissionBindings)
	var errs []error
	for i := range made {
		if made[i].Err != nil {
			errs = append(errs, fmt.Errorf("%s %s does not compile: %w", made[i].Source, made[i].Name, made[i].Err))
		}
	}
	return made, errors.Join(append(errs, c.unbound()...)...)
}

// unbound are policies and bindings that lack the other.
func (c *Configuration) unbound() []error {
	var errs []error
	defined, bound := map[string]bool{}, map[string]bool{}
	for _, policy := range c.AdmissionPolicies {
		defined[policy.Name] = true
	}
	for _, binding := range c.AdmissionBindings {
		bound[binding.Spec.PolicyName] = true
		if !defined[binding.Spec.PolicyName] {
			errs = append(errs, fmt.Errorf("ValidatingAdmissionPolicyBinding %s: there is no policy %q", binding.Name, binding.Spec.PolicyName))
		}
	}
	for _, policy := range c.AdmissionPolicies {
		if !bound[policy.Name] {
			errs = append(errs, fmt.Errorf("ValidatingAdmissionPolicy %s: there is no binding", policy.Name))
		}
	}
	return errs
}

// decodedOthers are all other objects, decoded.
func (c *Configuration) decodedOthers() ([]map[string]any, error) {
	objects := make([]map[string]any, 0, len(c.Others))
	for i := range c.Others {
		var object map[string]any
		if err := utiljson.Unmarshal(c.Others[i].Raw, &object); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Others[i].Source, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}
