package kinds

import runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

// isClusterScoped reports whether a kind of Kubernetes has no namespace, which its Go type does not tell. A test holds this
// against client-go's own clients.
func isClusterScoped(kind runtimeschema.GroupKind) bool {
	switch kind.Group {
	case "":
		switch kind.Kind {
		case "ComponentStatus", "Namespace", "Node", "PersistentVolume":
			return true
		}
	case "admissionregistration.k8s.io", "certificates.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io",
		"node.k8s.io", "storagemigration.k8s.io", "authentication.k8s.io", "imagepolicy.k8s.io":
		return kind.Kind != "PodCertificateRequest"
	case "scheduling.k8s.io":
		return kind.Kind == "PriorityClass"
	case "authorization.k8s.io":
		return kind.Kind != "LocalSubjectAccessReview"
	case "networking.k8s.io":
		switch kind.Kind {
		case "IngressClass", "IPAddress", "ServiceCIDR":
			return true
		}
	case "rbac.authorization.k8s.io":
		return kind.Kind == "ClusterRole" || kind.Kind == "ClusterRoleBinding"
	case "resource.k8s.io":
		return kind.Kind != "ResourceClaim" && kind.Kind != "ResourceClaimTemplate"
	case "storage.k8s.io":
		return kind.Kind != "CSIStorageCapacity"
	}
	return false
}
