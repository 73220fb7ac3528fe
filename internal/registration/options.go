package registration

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// MaxTimeoutSeconds is the longest that the API server waits for an answer, and the default. A kubectl user takes more for an
// outage, and several webhooks share the request's own deadline.
const MaxTimeoutSeconds = 5

// systemNamespace is never intercepted: the control plane must come up without kroguard.
const systemNamespace = "kube-system"

// servicePort is the API server's default for a service reference.
const servicePort = 443

// Options say how the API server reaches kroguard and what it never sends there.
type Options struct {
	// ClientConfig says how the API server reaches the webhook server.
	ClientConfig ClientConfig
	// CABundle is the PEM bundle that the serving certificate chains to.
	CABundle []byte
	// KroUsers are the user names under which kro runs. Their updates that change nothing but kro's own bookkeeping are not
	// sent. None: every update is sent.
	KroUsers []string
	// ExcludedNamespaces are never intercepted: kroguard's own. kube-system is always among them.
	ExcludedNamespaces []string
	// Owner is what the garbage collector removes the validating configuration with; nil for nothing. OwnedBy has the mutating one follow.
	Owner *metav1.OwnerReference
	// TimeoutSeconds is how long the API server waits, from 1 to MaxTimeoutSeconds; 0 stands for the maximum.
	TimeoutSeconds int32
}

// ClientConfig is either a Service or a base URL.
type ClientConfig struct {
	// Service is the Service before the webhook server; nil where URL is given.
	Service *Service
	// URL is the base URL of a webhook server outside the cluster, such as https://localhost:9443.
	URL string
}

// Service names a Service in the cluster.
type Service struct {
	Namespace, Name string
	// Port is the Service's port; 0 stands for 443.
	Port int32
}

// Complete fills in defaults and reports every option that the API server would refuse.
func (o *Options) Complete() error {
	if o.TimeoutSeconds == 0 {
		o.TimeoutSeconds = MaxTimeoutSeconds
	}
	var errs []error
	if o.TimeoutSeconds < 1 || o.TimeoutSeconds > MaxTimeoutSeconds {
		errs = append(errs, fmt.Errorf("timeoutSeconds: %d is not within 1 and %d", o.TimeoutSeconds, MaxTimeoutSeconds))
	}
	errs = append(errs, o.ClientConfig.complete())
	return errors.Join(errs...)
}

func (c *ClientConfig) complete() error {
	switch {
	case (c.Service == nil) == (c.URL == ""):
		return errors.New("clientConfig: give exactly one of service and URL")
	case c.Service != nil:
		if c.Service.Namespace == "" || c.Service.Name == "" {
			return errors.New("clientConfig: the service needs namespace and name")
		}
		if c.Service.Port == 0 {
			c.Service = &Service{Namespace: c.Service.Namespace, Name: c.Service.Name, Port: servicePort}
		}
		return nil
	default:
		base, err := url.Parse(c.URL)
		if err != nil || base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
			return fmt.Errorf("clientConfig: URL %q is not https://host:port", c.URL)
		}
		return nil
	}
}

// webhookClientConfig is the client config for one path.
func (o *Options) webhookClientConfig(path string) admissionregistrationv1.WebhookClientConfig {
	config := admissionregistrationv1.WebhookClientConfig{CABundle: slices.Clone(o.CABundle)}
	if service := o.ClientConfig.Service; service != nil {
		config.Service = &admissionregistrationv1.ServiceReference{
			Namespace: service.Namespace,
			Name:      service.Name,
			Port:      ptr.To(service.Port),
			Path:      ptr.To(path),
		}
		return config
	}
	config.URL = ptr.To(strings.TrimSuffix(o.ClientConfig.URL, "/") + path)
	return config
}

// excludedNamespaces are the namespaces never intercepted, sorted.
func (o *Options) excludedNamespaces() []string {
	names := append([]string{systemNamespace}, o.ExcludedNamespaces...)
	slices.Sort(names)
	return slices.Compact(names)
}
