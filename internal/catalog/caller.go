package catalog

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/offering"
)

// maxQuestions is how many questions about one caller's rights are asked at a time.
const maxQuestions = 16

// Caller is who looks at the catalog. A nil Caller may create everything, and is nobody: files have no rights.
type Caller struct {
	// User is the caller as the API server knows it.
	User user.Info
	// Rights answers what the caller may do. It is asked often, and is expected to remember for a while.
	Rights authorizer.Authorizer
}

// userInfo is the caller as an admission request has it.
func (c *Caller) userInfo() authenticationv1.UserInfo {
	if c == nil {
		return authenticationv1.UserInfo{}
	}
	info := authenticationv1.UserInfo{Username: c.User.GetName(), UID: c.User.GetUID(), Groups: c.User.GetGroups()}
	for key, values := range c.User.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}

func (c *Caller) rights() authorizer.Authorizer {
	if c == nil {
		return nil
	}
	return c.Rights
}

// may reports whether the caller may do something.
func (c *Caller) may(ctx context.Context, attributes *authorizer.AttributesRecord) (bool, error) {
	if c == nil {
		return true, nil
	}
	attributes.User, attributes.ResourceRequest = c.User, true
	decision, _, err := c.Rights.Authorize(ctx, attributes)
	if err != nil && decision != authorizer.DecisionAllow {
		return false, fmt.Errorf("%w: %w", errRights, err)
	}
	return decision == authorizer.DecisionAllow, nil
}

// mayCreate tells of each offering whether the caller may create instances of it in a namespace. Whoever may create all of a group is
// asked about once.
func (c *Caller) mayCreate(ctx context.Context, offerings []*offering.Offering, namespace string) ([]bool, error) {
	may := make([]bool, len(offerings))
	if c == nil {
		for i := range may {
			may[i] = true
		}
		return may, nil
	}
	all := map[string]bool{}
	for _, o := range offerings {
		group := o.GVK.Group
		if _, asked := all[group]; asked || o.ClusterScoped || len(offerings) == 1 {
			continue
		}
		var err error
		all[group], err = c.may(ctx, &authorizer.AttributesRecord{Verb: "create", APIGroup: group, Resource: "*", Namespace: namespace})
		if err != nil {
			return nil, err
		}
	}
	questions, ctx := errgroup.WithContext(ctx)
	questions.SetLimit(maxQuestions)
	for i, o := range offerings {
		if all[o.GVK.Group] && !o.ClusterScoped {
			may[i] = true
			continue
		}
		at := namespace
		if o.ClusterScoped {
			at = ""
		}
		questions.Go(func() (err error) {
			may[i], err = c.may(ctx, &authorizer.AttributesRecord{
				Verb: "create", APIGroup: o.GVK.Group, APIVersion: o.GVK.Version, Resource: o.Plural, Namespace: at,
			})
			return err
		})
	}
	return may, questions.Wait()
}

// seesNamespaces yields those of the namespaces that the caller may get.
func (c *Caller) seesNamespaces(ctx context.Context, names []string) ([]string, error) {
	all, err := c.may(ctx, &authorizer.AttributesRecord{Verb: "list", APIVersion: "v1", Resource: "namespaces"})
	if err != nil || all {
		return names, err
	}
	seen := make([]atomic.Bool, len(names))
	questions, ctx := errgroup.WithContext(ctx)
	questions.SetLimit(maxQuestions)
	for i, name := range names {
		questions.Go(func() error {
			may, err := c.seesNamespace(ctx, name)
			seen[i].Store(may)
			return err
		})
	}
	if err := questions.Wait(); err != nil {
		return nil, err
	}
	var visible []string
	for i, name := range names {
		if seen[i].Load() {
			visible = append(visible, name)
		}
	}
	return visible, nil
}

// seesNamespace reports whether the caller may get a namespace.
func (c *Caller) seesNamespace(ctx context.Context, name string) (bool, error) {
	return c.may(ctx, &authorizer.AttributesRecord{Verb: "get", APIVersion: "v1", Resource: "namespaces", Namespace: name, Name: name})
}
