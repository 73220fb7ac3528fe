package controller

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/gatekeeper"
)

// inventoryInterval is how long a change of the inventory waits for company: synced kinds may change all the time, and each inventory
// is built anew. Gatekeeper's own lags behind as well.
const inventoryInterval = time.Second

// CRDs of Gatekeeper. Those of constraints are named by their kinds.
const (
	templatesCRD = "constrainttemplates." + gatekeeper.TemplateGroup
	configsCRD   = "configs." + gatekeeper.ConfigGroup
)

// gatekeeperPolicies are the cluster's ConstraintTemplates and constraints. It is for one goroutine; what it yields is not.
type gatekeeperPolicies struct {
	watch      func(kind runtimeschema.GroupVersionKind, crd string, matters predicate.Predicate) *optionalKind
	collection *gatekeeper.Collection

	templates, configs *optionalKind
	// constraints are the kinds of constraints that templates define.
	constraints map[string]*optionalKind
	// synced are the kinds of the inventory.
	synced    []*optionalKind
	inventory inventory
	// broken says of constraints that are not in force why.
	broken map[string]string
}

var _ policySource = (*gatekeeperPolicies)(nil)

// inventory is data.inventory, made anew when an object of it has changed.
type inventory struct {
	digest [sha256.Size]byte
	made   *gatekeeper.Inventory
}

func newGatekeeperPolicies(
	watch func(kind runtimeschema.GroupVersionKind, crd string, matters predicate.Predicate) *optionalKind,
	compiler *gatekeeper.Compiler, sync []runtimeschema.GroupVersionKind,
) *gatekeeperPolicies {
	g := &gatekeeperPolicies{
		watch: watch, collection: gatekeeper.NewCollection(compiler), constraints: map[string]*optionalKind{},
	}
	spec := predicate.GenerationChangedPredicate{}
	g.templates = watch(runtimeschema.GroupVersionKind{Group: gatekeeper.TemplateGroup, Version: "v1", Kind: gatekeeper.TemplateKind}, templatesCRD, spec)
	g.configs = watch(runtimeschema.GroupVersionKind{Group: gatekeeper.ConfigGroup, Version: "v1alpha1", Kind: gatekeeper.ConfigKind}, configsCRD, spec)
	for _, kind := range sync {
		synced := watch(kind, "", predicate.ResourceVersionChangedPredicate{})
		synced.delay = inventoryInterval
		g.synced = append(g.synced, synced)
	}
	return g
}

func (g *gatekeeperPolicies) list(ctx context.Context) ([]policies.Policy, time.Duration, error) {
	var retry time.Duration
	listed := func(kind *optionalKind) ([]map[string]any, error) {
		list, soon, err := kind.list(ctx)
		retry = sooner(retry, soon)
		return contents(list), err
	}
	var objects gatekeeper.Objects
	var err error
	if objects.Templates, err = listed(g.templates); err != nil {
		return nil, 0, err
	}
	if objects.Configs, err = listed(g.configs); err != nil {
		return nil, 0, err
	}
	if err := g.updateConstraints(ctx, objects.Templates); err != nil {
		return nil, 0, err
	}
	for _, kind := range slices.Sorted(maps.Keys(g.constraints)) {
		list, err := listed(g.constraints[kind])
		if err != nil {
			return nil, 0, err
		}
		objects.Constraints = append(objects.Constraints, list...)
	}
	if retry > 0 {
		log.FromContext(ctx).Info("not all of Gatekeeper's constraints are known yet")
	}
	if objects.Inventory, err = g.listInventory(ctx, &retry); err != nil {
		return nil, 0, err
	}
	made, err := g.collection.Compile(ctx, &objects)
	if err != nil {
		log.FromContext(ctx).Error(err, "Gatekeeper's Config counts as it was before")
	}
	g.report(ctx, made)
	return made, retry, nil
}

// report tells once of each constraint that is wrong: kroguard writes no status on Gatekeeper's objects.
func (g *gatekeeperPolicies) report(ctx context.Context, made []policies.Policy) {
	broken := make(map[string]string, len(g.broken))
	for i := range made {
		if made[i].Err == nil {
			continue
		}
		name, why := made[i].Name, made[i].Err.Error()
		if broken[name] = why; g.broken[name] != why {
			log.FromContext(ctx).Info("a constraint is not in force", "constraint", name, "why", why)
		}
	}
	g.broken = broken
}

// listInventory yields data.inventory. Without some kind of it nobody can tell what the constraints that read it would say.
func (g *gatekeeperPolicies) listInventory(ctx context.Context, retry *time.Duration) (*gatekeeper.Inventory, error) {
	var objects []map[string]any
	for _, kind := range g.synced {
		list, soon, err := kind.list(ctx)
		if err != nil {
			return nil, err
		}
		if soon > 0 {
			*retry = sooner(*retry, soon)
			g.inventory = inventory{}
			return gatekeeper.UnavailableInventory(fmt.Errorf("%s is not read yet, is not served, or kroguard may not read it", kind.kind)), nil
		}
		objects = append(objects, contents(list)...)
	}
	return g.inventory.update(ctx, objects), nil
}

// updateConstraints watches the kinds that templates define, and no others.
func (g *gatekeeperPolicies) updateConstraints(ctx context.Context, templates []map[string]any) error {
	wanted := make(map[string]*optionalKind, len(templates))
	for _, template := range templates {
		kind, _, _ := unstructured.NestedString(template, "spec", "crd", "spec", "names", "kind")
		if kind == "" {
			continue
		}
		if wanted[kind] = g.constraints[kind]; wanted[kind] == nil {
			wanted[kind] = g.watch(
				runtimeschema.GroupVersionKind{Group: gatekeeper.ConstraintGroup, Version: "v1beta1", Kind: kind},
				strings.ToLower(kind)+"."+gatekeeper.ConstraintGroup, predicate.GenerationChangedPredicate{},
			)
		}
	}
	for kind, watched := range g.constraints {
		if wanted[kind] == nil {
			if err := watched.forget(ctx); err != nil {
				return err
			}
		}
	}
	g.constraints = wanted
	return nil
}

// update is the inventory of the objects: that of the last time where none has changed.
func (i *inventory) update(ctx context.Context, objects []map[string]any) *gatekeeper.Inventory {
	digest := sha256.New()
	for _, object := range objects {
		u := &unstructured.Unstructured{Object: object}
		fmt.Fprintf(digest, "%s %s\n", u.GetUID(), u.GetResourceVersion())
	}
	if sum := [sha256.Size]byte(digest.Sum(nil)); i.made == nil || sum != i.digest {
		made, err := gatekeeper.NewInventory(objects)
		if err != nil {
			log.FromContext(ctx).Error(err, "constraints that read data.inventory fail")
			made = gatekeeper.UnavailableInventory(err)
		}
		i.digest, i.made = sum, made
	}
	return i.made
}

// contents are the objects as decoded JSON.
func contents(list []unstructured.Unstructured) []map[string]any {
	objects := make([]map[string]any, len(list))
	for i := range list {
		objects[i] = list[i].Object
	}
	return objects
}
