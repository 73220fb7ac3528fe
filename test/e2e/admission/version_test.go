package admission

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"

	"github.com/kroguard/kroguard/internal/doctor"
	"github.com/kroguard/kroguard/test/controlplane/binaries"
)

// Or the tests with other versions would be those with the default ones once more.
func TestTheAPIServerIsOfTheVersionThatWasAskedFor(t *testing.T) {
	if os.Getenv(binaries.AssetsEnv) != "" {
		t.Skip(binaries.AssetsEnv + " has whatever version it has")
	}
	client, err := discovery.NewDiscoveryClientForConfig(h.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	want := cmp.Or(os.Getenv(binaries.KubernetesEnv), doctor.SupportedKubernetes()[0])
	if !strings.HasPrefix(version.GitVersion, "v"+want+".") {
		t.Errorf("the API server is %s, want %s", version.GitVersion, want)
	}
}
