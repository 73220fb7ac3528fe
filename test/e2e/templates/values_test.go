package templates

import (
	"strings"
	"testing"
)

// Whoever sets a wrong value has to be told which one, by the path under which it is set.
func TestWrongValuesAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		set  string
		want []string
	}{
		"a misspelled key":                {"replica=5", []string{"'replica'"}},
		"a misspelled key of an object":   {"image.repo=x", []string{"/image", "'repo'"}},
		"an unknown key deep inside":      {"catalog.httpRoute.host=x", []string{"/catalog/httpRoute", "'host'"}},
		"an unknown object":               {"certManager.enabled=true", []string{"'certManager'"}},
		"a word for a number":             {"replicas=many", []string{"/replicas", "integer"}},
		"a number for a word":             {"logs.level=3", []string{"/logs/level"}},
		"a word for a switch":             {"catalog.enabled=perhaps", []string{"/catalog/enabled", "boolean"}},
		"a word for a list":               {"kroUsers=kro", []string{"/kroUsers", "array"}},
		"a list for an object":            {"podLabels={a}", []string{"/podLabels", "object"}},
		"a number for a label":            {"podLabels.tier=1", []string{"/podLabels/tier", "string"}},
		"a level that there isn't":        {"logs.level=trace", []string{"/logs/level", "'debug'"}},
		"a format that there isn't":       {"logs.format=xml", []string{"/logs/format", "'json'"}},
		"a provider that there isn't":     {"certificates.provider=vault", []string{"/certificates/provider", "'cert-manager'"}},
		"a policy source that isn't":      {"policySources.names={Kyverno}", []string{"/policySources/names/0", "'Gatekeeper'"}},
		"a policy source twice":           {"policySources.names={Gatekeeper,Gatekeeper}", []string{"/policySources/names"}},
		"an authentication that isn't":    {"catalog.auth=basic", []string{"/catalog/auth", "'kubernetes'"}},
		"a pull policy that there isn't":  {"image.pullPolicy=Sometimes", []string{"/image/pullPolicy"}},
		"a type of Service that isn't":    {"catalog.service.type=ExternalName", []string{"/catalog/service/type"}},
		"no replica":                      {"replicas=0", []string{"/replicas", "minimum"}},
		"a port that there isn't":         {"webhook.port=70000", []string{"/webhook/port", "maximum"}},
		"a port of zero":                  {"health.port=0", []string{"/health/port", "minimum"}},
		"a budget of nothing":             {"podDisruptionBudget.minAvailable=0", []string{"/podDisruptionBudget/minAvailable"}},
		"a priority of the system's":      {"priorityClass.value=2000000000", []string{"/priorityClass/value", "maximum"}},
		"an issuer without its kind":      {"certificates.issuer=platform", []string{"/certificates/issuer", "pattern"}},
		"no name of the Secret":           {"certificates.secretName=", []string{"/certificates/secretName", "minLength"}},
		"a digest that is a tag":          {"image.digest=v1.0.0", []string{"/image/digest", "pattern"}},
		"no repository":                   {"image.repository=", []string{"/image/repository"}},
		"a pull secret without a name":    {"image.pullSecrets[0].nam=x", []string{"/image/pullSecrets/0", "'nam'"}},
		"a URL without TLS":               {"webhook.url=http://kroguard", []string{"/webhook/url", "pattern"}},
		"a duration without a unit":       {"shutdownDelay=soon", []string{"/shutdownDelay", "pattern"}},
		"an interval without a unit":      {"metrics.serviceMonitor.interval=often", []string{"/metrics/serviceMonitor/interval"}},
		"memory without a unit there is":  {"resources.limits.memory=1GB", []string{"resources.limits.memory", "1GB"}},
		"memory that is no number":        {"resources.limits.memory=plenty", []string{"resources.limits.memory", "plenty"}},
		"a route to no gateway":           {"catalog.httpRoute.enabled=true", []string{"catalog.httpRoute.parentRefs"}},
		"an example that there isn't":     {"examples.rgd=true", []string{"/examples", "'rgd'"}},
		"a label that is a mere switch":   {"metrics.dashboard.labels.on=true", []string{"/metrics/dashboard/labels/on", "string"}},
		"an empty name of one who runs":   {"kroUsers[0]=", []string{"/kroUsers/0", "minLength"}},
		"an empty key of a label":         {"labelKeys.team=", []string{"/labelKeys/team", "minLength"}},
		"a further flag that is a number": {"extraArgs[0]=1", []string{"/extraArgs/0", "string"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, "--set", c.set)
			if err == nil {
				t.Fatalf("--set %s: no error", c.set)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("--set %s: the message does not say %q:\n%v", c.set, want, err)
				}
			}
		})
	}
}
