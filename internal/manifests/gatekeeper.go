package manifests

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/gatekeeper"
)

// Gatekeeper makes policies of Gatekeeper's constraints. What is wrong with templates and constraints is an error, as are constraints
// without a template.
func (c *Configuration) Gatekeeper(ctx context.Context, compiler *gatekeeper.Compiler) ([]policies.Policy, error) {
	if len(c.Constraints) == 0 && len(c.Templates) == 0 {
		return nil, nil
	}
	inventory, err := c.inventory()
	if err != nil {
		return nil, err
	}
	made, err := gatekeeper.NewCollection(compiler).Compile(ctx, &gatekeeper.Objects{
		Templates: c.Templates, Constraints: c.Constraints, Configs: c.GatekeeperConfigs, Inventory: inventory,
	})
	errs := []error{err}
	for i := range made {
		if made[i].Err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", made[i].Source, made[i].Name, made[i].Err))
		}
	}
	return made, errors.Join(errs...)
}

// inventory is data.inventory: all objects that files have, where nothing else is said.
func (c *Configuration) inventory() (*gatekeeper.Inventory, error) {
	if c.Inventory != nil {
		return gatekeeper.NewInventory(c.Inventory)
	}
	objects, err := c.decodedOthers()
	if err != nil {
		return nil, err
	}
	for _, namespace := range c.Namespaces {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(namespace)
		if err != nil {
			return nil, fmt.Errorf("namespace %s: %w", namespace.Name, err)
		}
		u := unstructured.Unstructured{Object: object}
		u.SetAPIVersion("v1")
		u.SetKind("Namespace")
		objects = append(objects, u.Object)
	}
	return gatekeeper.NewInventory(objects)
}

// AddOthers adds objects of other kinds, decoded from JSON.
func (c *Configuration) AddOthers(source string, objects []map[string]any) error {
	for _, object := range objects {
		u := &unstructured.Unstructured{Object: object}
		raw, err := u.MarshalJSON()
		if err != nil {
			return err
		}
		c.Others = append(c.Others, Object{
			Source: source, Kind: u.GroupVersionKind(), Namespace: u.GetNamespace(), Name: u.GetName(), Raw: raw,
		})
	}
	return nil
}
