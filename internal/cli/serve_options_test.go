package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/kroguard/kroguard/internal/registration"
)

// completed are the options of a command line, completed.
func completed(t *testing.T, args ...string) *serveOptions {
	t.Helper()
	options := new(serveOptions)
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.addFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := options.Complete(); err != nil {
		t.Fatal(err)
	}
	return options
}

func TestTheAPIServerReachesKroguardThroughItsServiceByDefault(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "guards")
	options := completed(t)
	want := registration.ClientConfig{Service: &registration.Service{Namespace: "guards", Name: "kroguard-webhook"}}
	if diff := cmp.Diff(want, options.clientConfig()); diff != "" {
		t.Errorf("client configuration (-want +got):\n%s", diff)
	}
	names := []string{"kroguard-webhook.guards.svc", "kroguard-webhook.guards.svc.cluster.local", "localhost"}
	if diff := cmp.Diff(names, options.dnsNames()); diff != "" {
		t.Errorf("names in the certificate (-want +got):\n%s", diff)
	}
	if options.webhookHost != "" || options.webhookPort != 9443 {
		t.Errorf("listens on %q %d", options.webhookHost, options.webhookPort)
	}
}

func TestOutsideTheClusterTheURLIsCalledAndCertified(t *testing.T) {
	options := completed(t, "--namespace", "guards", "--webhook-url", "https://guard.example.com:8443", "--webhook-address", "127.0.0.1:8443")
	want := registration.ClientConfig{URL: "https://guard.example.com:8443"}
	if diff := cmp.Diff(want, options.clientConfig()); diff != "" {
		t.Errorf("client configuration (-want +got):\n%s", diff)
	}
	if names := options.dnsNames(); names[len(names)-1] != "guard.example.com" {
		t.Errorf("names in the certificate: %v", names)
	}
}

func TestLabelKeysCanBeRenamed(t *testing.T) {
	options := completed(t, "--label-key", "team=example.com/team,app=")
	if options.keys.Team != "example.com/team" || options.keys.App != "" || options.keys.Env != "env" {
		t.Errorf("got %+v", options.keys)
	}
}

func TestTheBreakGlassGroupIsNoneThatKubernetesPutsUsersInto(t *testing.T) {
	for group, ok := range map[string]bool{
		"": true, "on-call": true, "oidc:platform/on-call": true, "system:masters": false, "system:authenticated": false,
		"system:unauthenticated": false, "system:serviceaccounts": false, "system:serviceaccounts:kro-system": false, "system:nodes": false,
		" ": false, "on-call ": false, " system:masters": false, "a\x00b": false,
	} {
		options := new(serveOptions)
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		options.addFlags(flags)
		if err := flags.Parse([]string{"--break-glass-group=" + group}); err != nil {
			t.Fatal(err)
		}
		err := options.Complete()
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "--break-glass-group: ") {
			t.Errorf("%q: %v", group, err)
		}
	}
}
