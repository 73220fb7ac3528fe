package registration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/registration"
)

// updateGolden rewrites the golden files instead of comparing with them.
const updateGolden = "UPDATE_GOLDEN"

func complete(tb testing.TB, options registration.Options) registration.Options {
	tb.Helper()
	if err := options.Complete(); err != nil {
		tb.Fatalf("Complete: %v", err)
	}
	return options
}

func inCluster(tb testing.TB) registration.Options {
	tb.Helper()
	return complete(tb, registration.Options{
		ClientConfig:       registration.ClientConfig{Service: &registration.Service{Namespace: "kroguard-system", Name: "kroguard-webhook"}},
		CABundle:           []byte("-----BEGIN CERTIFICATE-----\n"),
		KroUsers:           []string{"system:serviceaccount:kro-system:kro"},
		ExcludedNamespaces: []string{"kroguard-system"},
	})
}

func TestBuildMatchesGolden(t *testing.T) {
	tests := []struct {
		name, golden string
		options      registration.Options
		resources    []runtimeschema.GroupResource
	}{
		{
			name:    "a service, kinds of three groups: one rule a group, all sorted, reserved groups and kro.run left out",
			golden:  "service.yaml",
			options: inCluster(t),
			resources: []runtimeschema.GroupResource{
				{Group: "platform.example.com", Resource: "webapps"},
				{Group: "data.example.com", Resource: "queues"},
				{Group: "data.example.com", Resource: "databases"},
				{Group: "data.example.com", Resource: "queues"},
				{Group: "kro.run", Resource: "applications"},
				{Group: "apps", Resource: "deployments"},
				{Group: "networking.k8s.io", Resource: "ingresses"},
				{Group: "kroguard.io", Resource: "guardrails"},
				{Group: "odd.example.com"},
			},
		},
		{
			name:   "a base URL, no kinds yet, no kro user: no bookkeeping condition",
			golden: "url.yaml",
			options: complete(t, registration.Options{
				ClientConfig:   registration.ClientConfig{URL: "https://localhost:9443/"},
				CABundle:       []byte("-----BEGIN CERTIFICATE-----\n"),
				TimeoutSeconds: 2,
			}),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := render(t, test.options, test.resources)
			path := filepath.Join("testdata", test.golden)
			if os.Getenv(updateGolden) != "" {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("set %s=1 to write it: %v", updateGolden, err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("configurations differ from %s (-want +got):\n%s", path, diff)
			}
		})
	}
}

func TestBuildDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	resources := []runtimeschema.GroupResource{
		{Group: "b.example.com", Resource: "z"}, {Group: "a.example.com", Resource: "y"}, {Group: "b.example.com", Resource: "x"},
	}
	options := inCluster(t)
	options.KroUsers = []string{"one", "two"}
	first := render(t, options, resources)
	slices.Reverse(resources)
	slices.Reverse(options.KroUsers)
	if diff := cmp.Diff(string(first), string(render(t, options, resources))); diff != "" {
		t.Errorf("order of the input shows (-first +second):\n%s", diff)
	}
}

func TestCompleteRefusesWhatTheAPIServerWould(t *testing.T) {
	service := &registration.Service{Namespace: "ns", Name: "svc"}
	tests := []struct {
		name    string
		options registration.Options
		want    string
	}{
		{
			name: "neither service nor URL",
			want: "clientConfig: give exactly one of service and URL",
		},
		{
			name:    "both service and URL",
			options: registration.Options{ClientConfig: registration.ClientConfig{Service: service, URL: "https://localhost:9443"}},
			want:    "clientConfig: give exactly one of service and URL",
		},
		{
			name:    "plain HTTP",
			options: registration.Options{ClientConfig: registration.ClientConfig{URL: "http://localhost:9443"}},
			want:    `clientConfig: URL "http://localhost:9443" is not https://host:port`,
		},
		{
			name:    "a URL with a query",
			options: registration.Options{ClientConfig: registration.ClientConfig{URL: "https://localhost:9443?a=b"}},
			want:    `clientConfig: URL "https://localhost:9443?a=b" is not https://host:port`,
		},
		{
			name:    "a service without a name",
			options: registration.Options{ClientConfig: registration.ClientConfig{Service: &registration.Service{Namespace: "ns"}}},
			want:    "clientConfig: the service needs namespace and name",
		},
		{
			name:    "a timeout over the limit, named together with the rest",
			options: registration.Options{TimeoutSeconds: 6},
			want:    "timeoutSeconds: 6 is not within 1 and 5\nclientConfig: give exactly one of service and URL",
		},
		{
			name:    "a negative timeout",
			options: registration.Options{ClientConfig: registration.ClientConfig{Service: service}, TimeoutSeconds: -1},
			want:    "timeoutSeconds: -1 is not within 1 and 5",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.options.Complete()
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompleteLeavesTheCallersServiceAlone(t *testing.T) {
	service := registration.Service{Namespace: "ns", Name: "svc"}
	options := complete(t, registration.Options{ClientConfig: registration.ClientConfig{Service: &service}})
	if diff := cmp.Diff(registration.Service{Namespace: "ns", Name: "svc", Port: 443}, *options.ClientConfig.Service); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
	if service.Port != 0 {
		t.Errorf("the caller's service was changed: port %d", service.Port)
	}
}

// render is both configurations as YAML, as a person would read them.
func render(tb testing.TB, options registration.Options, resources []runtimeschema.GroupResource) []byte {
	tb.Helper()
	mutating, validating := registration.Build(options, resources)
	var out bytes.Buffer
	for _, object := range []any{mutating, validating} {
		document, err := yaml.Marshal(object)
		if err != nil {
			tb.Fatal(err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes()
}
