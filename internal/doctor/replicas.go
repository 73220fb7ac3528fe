package doctor

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// replicas are those that a Service sends to.
func (e *examination) replicas(ctx context.Context) (string, []Finding) {
	hooks := hooksOf(e.mutating, e.validating)
	if len(hooks) == 0 {
		return "", []Finding{skipped("", "no webhook configuration could be read that names a Service")}
	}
	service := hooks[0].client.Service
	if service == nil {
		return "", []Finding{skipped("", "the API server calls kroguard by URL, not through a Service: %s",
			strings.TrimSuffix(ptr.Deref(hooks[0].client.URL, ""), pathOf(&hooks[0].client)))}
	}
	slices := &discoveryv1.EndpointSliceList{}
	behind := client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}
	if err := e.Client.List(ctx, slices, client.InNamespace(service.Namespace), behind); err != nil {
		wanted := access{verb: "list", resource: "endpointslices.discovery.k8s.io", namespace: service.Namespace}
		return "", []Finding{failure(err, wanted)}
	}
	deployments := &appsv1.DeploymentList{}
	// How many there should be is not essential.
	_ = e.Client.List(ctx, deployments, client.InNamespace(e.Namespace), client.MatchingLabels{"app.kubernetes.io/name": "kroguard"})
	remedy := fmt.Sprintf("kubectl -n %s get pods; %s", e.Namespace, e.logs())
	return examineReplicas(service.Namespace+"/"+service.Name, slices.Items, deployments.Items, remedy)
}

func examineReplicas(
	service string, endpoints []discoveryv1.EndpointSlice, deployments []appsv1.Deployment, remedy string,
) (string, []Finding) {
	ready := map[string]bool{}
	for i := range endpoints {
		for _, endpoint := range endpoints[i].Endpoints {
			if len(endpoint.Addresses) == 0 || !ptr.Deref(endpoint.Conditions.Ready, true) {
				continue
			}
			// A Pod with two address families is in two slices.
			name := endpoint.Addresses[0]
			if endpoint.TargetRef != nil {
				name = endpoint.TargetRef.Name
			}
			ready[name] = true
		}
	}
	if len(ready) == 0 {
		return "", []Finding{problem(remedy, "nothing behind Service %s is ready: instances are refused until something is", service)}
	}
	wanted := 0
	for i := range deployments {
		wanted += int(ptr.Deref(deployments[i].Spec.Replicas, 1))
	}
	summary := fmt.Sprintf("%s ready behind Service %s", count(len(ready), "replica"), service)
	if len(ready) < wanted {
		return summary, []Finding{warning(remedy, "%d of %d replicas are ready", len(ready), wanted)}
	}
	return summary, nil
}
